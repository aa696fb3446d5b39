import shutil
from ctypes.util import find_library
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view

from blender_transpixar.bl.clip_keys import playback_of
from blender_transpixar.bl.provenance import provenance_of
from blender_transpixar.bl.shown_clips import show_instead, showing_on
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.playback import FOR_EVER, Playback
from tests.addon.made_clips import frames_of, write_clip
from tests.blender.over import BACKGROUNDS, DISC, disc, encoded, linear, over_in_linear_light, write_disc
from tests.blender.rendering import SIZE, fill_background, render, set_up

MIDDLE = SIZE // 2, SIZE // 2
CORNER = SIZE // 8, SIZE // 8
START = 10


@pytest.fixture
def scene(blender: None) -> bpy.types.Scene:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.frame_set(START)
    return scene


def place(clip: Path, **arguments) -> bpy.types.Object:
    assert bpy.ops.transpixar.place_plane(filepath=str(clip), **arguments) == {"FINISHED"}
    return bpy.context.object


def shown_clip_frame(pixels: np.ndarray) -> int:
    """Which frame of the hand-made clip is on the picture: frame n is 20 * n red."""
    return round(float(pixels[MIDDLE][0]) * 255 / 20)


def test_the_effect_is_opaque_and_what_is_around_it_is_not_there(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene)
    place(write_clip(tmp_path, width=32, height=32))
    pixels = render(scene, START, tmp_path / "out.png")
    np.testing.assert_allclose(pixels[MIDDLE], [20 / 255, 128 / 255, 40 / 255, 1.0], atol=3 / 255)
    assert pixels[CORNER][3] == 0.0


@pytest.mark.skipif(find_library("EGL") is None, reason="EEVEE needs EGL, which this machine does not have")
def test_eevee_shows_the_same(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT", samples=1)
    place(write_clip(tmp_path, width=32, height=32))
    pixels = render(scene, START + 3, tmp_path / "out.png")
    np.testing.assert_allclose(pixels[MIDDLE], [40 / 255, 128 / 255, 40 / 255, 1.0], atol=3 / 255)
    assert pixels[CORNER][3] == 0.0
    assert render(scene, START - 1, tmp_path / "out.png")[..., 3].max() == 0.0


def test_over_a_background_there_is_no_box(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene)
    scene.render.film_transparent = False
    scene.world = bpy.data.worlds.new("Grey")
    scene.world.color = (0.5, 0.5, 0.5)
    bare = render(scene, START, tmp_path / "bare.png")
    place(write_clip(tmp_path, width=32, height=32))
    pixels = render(scene, START, tmp_path / "out.png")
    np.testing.assert_allclose(pixels[CORNER], bare[CORNER], atol=1 / 255)
    assert abs(pixels[MIDDLE] - bare[MIDDLE]).max() > 0.1


@pytest.mark.parametrize(
    ("frame", "shown"),
    [(-2000, None), (9, None), (10, 1), (12, 1), (13, 2), (22, 5), (24, 5), (25, None), (5000, None)],
)
def test_a_clip_of_8_fps_holds_each_frame_three_times_and_is_gone_before_and_after(
    scene: bpy.types.Scene, tmp_path: Path, frame: int, shown: int | None
):
    set_up(scene, samples=1)
    place(write_clip(tmp_path, count=5, fps=8))
    pixels = render(scene, frame, tmp_path / "out.png")
    if shown is None:
        assert pixels[..., 3].max() == 0.0
    else:
        assert pixels[MIDDLE][3] == 1.0
        assert shown_clip_frame(pixels) == shown


def test_files_need_not_be_numbered_from_one(scene: bpy.types.Scene, tmp_path: Path):
    folder = write_clip(tmp_path, count=3)
    for number in (3, 2, 1):
        (folder / f"{number:04d}.png").rename(folder / f"{number + 99:04d}.png")
    sidecar = folder / "test-effect.transpixar"
    sidecar.write_text(sidecar.read_text().replace('"first_frame": 1', '"first_frame": 100'))
    set_up(scene, samples=1)
    place(folder, frame_start=1)
    assert shown_clip_frame(render(scene, 4, tmp_path / "out.png")) == 2


def test_it_stands_on_the_cursor_one_metre_high(scene: bpy.types.Scene, tmp_path: Path):
    scene.cursor.location = (1.0, 2.0, 3.0)
    plane = place(write_clip(tmp_path, width=32, height=16))
    bpy.context.view_layer.update()
    assert tuple(plane.location) == (1.0, 2.0, 3.0)
    assert tuple(round(size, 5) for size in plane.dimensions) == (2.0, 0.0, 1.0)
    top_right = plane.matrix_world @ plane.data.vertices[2].co
    assert tuple(round(value, 5) for value in top_right) == (2.0, 2.0, 4.0)
    assert plane.select_get() and bpy.context.view_layer.objects.active == plane


def test_arguments_say_where_and_when(scene: bpy.types.Scene, tmp_path: Path):
    plane = place(write_clip(tmp_path), height=2.0, frame_start=100, location=(5.0, 0.0, 0.0))
    assert plane.location.x == 5.0
    assert plane.dimensions.z == pytest.approx(2.0)
    set_up(scene, samples=1)
    plane.location = (0.0, 0.0, -0.5)
    assert render(scene, 99, tmp_path / "out.png")[MIDDLE][3] == 0.0
    assert render(scene, 100, tmp_path / "out.png")[MIDDLE][3] == 1.0


def test_the_same_clip_can_stand_twice_at_different_times(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_clip(tmp_path)
    set_up(scene, samples=1)
    place(clip, frame_start=1)
    place(clip, frame_start=100, location=(0.0, 0.5, 0.0))
    assert [shown_clip_frame(render(scene, frame, tmp_path / "out.png")) for frame in (4, 103)] == [2, 2]


def test_paths_are_relative_in_a_saved_file_and_the_folder_can_be_moved(scene: bpy.types.Scene, tmp_path: Path):
    before = tmp_path / "before"
    before.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(before / "scene.blend"))
    place(write_clip(before / "transpixar"))
    set_up(bpy.context.scene, samples=1)
    bpy.ops.wm.save_mainfile()
    before.rename(tmp_path / "after")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "after/scene.blend"))
    assert bpy.data.images["test-effect"].filepath.startswith("//transpixar")
    assert shown_clip_frame(render(bpy.context.scene, START, tmp_path / "out.png")) == 1


def test_placing_needs_a_clip(scene: bpy.types.Scene, tmp_path: Path):
    before = len(bpy.data.objects), len(bpy.data.images), len(bpy.data.materials)
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.transpixar.place_plane(filepath=str(tmp_path / "nowhere"))
    folder = write_clip(tmp_path)
    (folder / "0001.png").write_text("no picture")
    with pytest.raises(RuntimeError, match="could not be read as an image"):
        bpy.ops.transpixar.place_plane(filepath=str(folder))
    assert (len(bpy.data.objects), len(bpy.data.images), len(bpy.data.materials)) == before


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_it_is_the_over_operation(scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]):
    set_up(scene)
    fill_background(scene, background)
    # The film's own filter blurs; as narrow as it gets, each pixel is one place of the picture.
    scene.cycles.filter_width = 0.01
    scene.render.resolution_x = scene.render.resolution_y = DISC
    place(write_disc(tmp_path, (255, 200, 90)))
    pixels = render(scene, START, tmp_path / "out.png")[..., :3]
    expected = over_in_linear_light(disc(), (1.0, 200 / 255, 90 / 255), background)
    assert abs(pixels - expected).max() <= 3 / 255


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_enlarged_it_has_no_fringe(scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]):
    set_up(scene)
    fill_background(scene, background)
    scene.cycles.filter_width = 0.01
    scene.render.resolution_x = scene.render.resolution_y = 3 * DISC
    place(write_disc(tmp_path))
    pixels = render(scene, START, tmp_path / "out.png")[..., :3]
    assert (pixels - np.array(background)).min() >= -3 / 255
    expected = over_in_linear_light(disc(3 * DISC), (1.0, 1.0, 1.0), background)
    # Inside of the picture: at its border, the texture fades into the nothing around it.
    difference = (pixels - expected)[2:-2, 2:-2]
    # In the dark, the precision of Cycles' linear filter is a few steps; to neither side on average.
    assert abs(difference).max() <= 6 / 255
    assert abs(difference.mean()) <= 1 / 255


def test_additive_light_covers_nothing(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene)
    fill_background(scene, (0.2, 0.2, 0.2))
    place(write_clip(tmp_path, width=32, height=32), blend="ADD")
    pixels = render(scene, START, tmp_path / "out.png")
    clip, behind = linear((20 / 255, 128 / 255, 40 / 255)), linear((0.2, 0.2, 0.2))
    np.testing.assert_allclose(pixels[MIDDLE][:3], encoded(clip + behind), atol=3 / 255)
    np.testing.assert_allclose(pixels[CORNER][:3], 0.2, atol=2 / 255)
    np.testing.assert_allclose(render(scene, START - 1, tmp_path / "out.png")[MIDDLE][:3], 0.2, atol=2 / 255)


def test_principled_needs_light_and_emission_can_be_brighter(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene)
    clip = write_clip(tmp_path, width=32, height=32)
    lit = place(clip, shader="PRINCIPLED")
    dark = render(scene, START, tmp_path / "out.png")[MIDDLE]
    assert dark[3] == pytest.approx(1.0, abs=1 / 255)
    assert dark[:3].max() < 0.1
    bpy.data.objects.remove(lit)
    place(clip, shader="EMISSION", emit_strength=2.0)
    bright = render(scene, START, tmp_path / "out.png")[MIDDLE]
    np.testing.assert_allclose(bright[:3], encoded(2 * linear((20 / 255, 128 / 255, 40 / 255))), atol=3 / 255)


def test_shadows_can_be_turned_off(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_clip(tmp_path)
    assert place(clip).visible_shadow
    assert not place(clip, shadows=False).visible_shadow


def camera_at(scene: bpy.types.Scene, location, rotation) -> bpy.types.Object:
    set_up(scene, samples=1)
    scene.camera.data.type = "PERSP"
    scene.camera.location, scene.camera.rotation_euler = location, rotation
    return scene.camera


def front_of(plane: bpy.types.Object) -> np.ndarray:
    """Where a plane, or a camera's picture, faces."""
    bpy.context.view_layer.update()
    columns = plane.matrix_world.col
    return np.array(columns[2][:3] if plane.type == "CAMERA" else [-value for value in columns[1][:3]]).round(4)


def top_of(plane: bpy.types.Object) -> np.ndarray:
    """Where the upper edge of a plane, or of a camera's picture, points."""
    bpy.context.view_layer.update()
    return np.array(plane.matrix_world.col[1 if plane.type == "CAMERA" else 2][:3]).round(4)


def test_it_faces_the_camera(scene: bpy.types.Scene, tmp_path: Path):
    camera = camera_at(scene, (5.0, -1.0, 0.0), (np.pi / 2, 0.0, np.pi / 2 - 0.3))
    clip = write_clip(tmp_path)
    assert tuple(front_of(place(clip))) == (1.0, 0.0, 0.0)
    turned = place(clip, align_axis="CAM")
    np.testing.assert_allclose(front_of(turned), front_of(camera), atol=1e-4)
    np.testing.assert_allclose(top_of(turned), top_of(camera), atol=1e-4)
    tracking = place(clip, align_axis="CAM", align_track=True)
    camera.rotation_euler.z += 1.0
    np.testing.assert_allclose(front_of(tracking), front_of(camera), atol=1e-4)
    np.testing.assert_allclose(top_of(tracking), top_of(camera), atol=1e-4)
    assert not np.allclose(front_of(turned), front_of(camera), atol=0.1)


@pytest.mark.parametrize(
    ("axis", "front", "top"),
    [
        ("+X", (1, 0, 0), (0, 0, 1)),
        ("-X", (-1, 0, 0), (0, 0, 1)),
        ("+Y", (0, 1, 0), (0, 0, 1)),
        ("-Y", (0, -1, 0), (0, 0, 1)),
        ("+Z", (0, 0, 1), (0, 1, 0)),
        ("-Z", (0, 0, -1), (0, 1, 0)),
    ],
)
def test_it_faces_an_axis(scene: bpy.types.Scene, tmp_path: Path, axis: str, front: tuple, top: tuple):
    plane = place(write_clip(tmp_path), align_axis=axis)
    np.testing.assert_allclose(front_of(plane), front, atol=1e-4)
    np.testing.assert_allclose(top_of(plane), top, atol=1e-4)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_it_fills_the_cameras_view(scene: bpy.types.Scene, tmp_path: Path, kind: str):
    camera = camera_at(scene, (5.0, -1.0, 2.0), (1.0, 0.2, 0.7))
    camera.data.type = kind
    camera.data.shift_x = 0.1
    camera.scale = (2.0, 2.0, 2.0)
    scene.render.resolution_y = SIZE // 2
    clip = write_clip(tmp_path, width=16, height=8)
    for track in (False, True):
        plane = place(clip, size_mode="CAMERA", distance=3.0, align_track=track)
        bpy.context.view_layer.update()
        corners = [world_to_camera_view(scene, camera, plane.matrix_world @ v.co) for v in plane.data.vertices]
        places = [(corner.x, corner.y, corner.z) for corner in corners]
        np.testing.assert_allclose(places, [(0, 0, 3), (1, 0, 3), (1, 1, 3), (0, 1, 3)], atol=1e-4)
    camera.location.x += 10.0
    bpy.context.view_layer.update()
    corner = world_to_camera_view(scene, camera, plane.matrix_world @ plane.data.vertices[0].co)
    assert (corner.x, corner.y) == pytest.approx((0.0, 0.0), abs=1e-4)


def test_fit_shows_all_of_it_and_fill_leaves_no_gap(scene: bpy.types.Scene, tmp_path: Path):
    camera_at(scene, (0.0, -5.0, 0.0), (np.pi / 2, 0.0, 0.0))
    clip = write_clip(tmp_path, width=16, height=8)
    fill, fit = (place(clip, size_mode="CAMERA", fill_mode=mode, distance=5.0) for mode in ("FILL", "FIT"))
    assert fill.dimensions.z == pytest.approx(fit.dimensions.x)
    assert fill.dimensions.x == pytest.approx(2 * fit.dimensions.x)


def test_without_a_camera_to_fill_nothing_is_made(scene: bpy.types.Scene, tmp_path: Path):
    with pytest.raises(RuntimeError, match="has no camera to fill"):
        bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)), size_mode="CAMERA")
    assert not len(bpy.data.objects) and not len(bpy.data.images)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"speed": "FRAMES"}, [None, 1, 2, 3, None, None]),
        ({"speed": "FRAMES", "reverse": True}, [None, 3, 2, 1, None, None]),
        ({"speed": "FRAMES", "repeat": "FOREVER"}, [None, 1, 2, 3, 1, 2]),
        ({"speed": "FRAMES", "ping_pong": True, "repeat": "COUNT"}, [None, 1, 2, 3, 2, 1]),
        ({"speed": "FRAMES", "hold_first": True, "hold_last": True}, [1, 1, 2, 3, 3, 3]),
        ({"speed": "STRETCH", "stretch": 5}, [None, 1, 1, 2, 2, 3]),
    ],
)
def test_it_can_be_timed_in_every_way(
    scene: bpy.types.Scene, tmp_path: Path, arguments: dict, expected: list[int | None]
):
    set_up(scene, samples=1)
    place(write_clip(tmp_path, count=3), **arguments)
    for frame, shown in enumerate(expected, start=START - 1):
        pixels = render(scene, frame, tmp_path / "out.png")
        assert (shown_clip_frame(pixels) if pixels[MIDDLE][3] else None) == shown


def test_a_loop_that_does_not_fill_whole_frames_does_not_drift(scene: bpy.types.Scene, tmp_path: Path):
    scene.render.fps = 25
    set_up(scene, samples=1)
    place(write_clip(tmp_path, count=5, fps=8), repeat="FOREVER")
    # Five frames of 8 per second are 15.625 of the scene, so 800 runs are 12500 of them exactly.
    for frame, shown in ((START + 12500, 1), (START + 12500 + 12, 4), (START + 12500 + 15, 5), (START + 12516, 1)):
        assert shown_clip_frame(render(scene, frame, tmp_path / "out.png")) == shown


def test_any_sequence_with_alpha(scene: bpy.types.Scene, tmp_path: Path):
    scene.render.fps = 12
    set_up(scene, samples=1)
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames_of(3, 32, 16), start=98):
        (folder / f"shot_{number:04d}.png").write_bytes(frame)
    plane = place(folder / "shot_0099.png", fps=6.0)
    assert (plane.name, plane.dimensions.x) == ("shot", pytest.approx(2.0))
    assert [shown_clip_frame(render(scene, frame, tmp_path / "out.png")) for frame in (10, 12, 15)] == [1, 2, 3]
    assert provenance_of(plane) is None


def test_a_cropped_clip_stands_where_it_stood(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, samples=1)
    plane = place(write_disc(tmp_path, canvas={"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": 0}))
    alpha = render(scene, START, tmp_path / "out.png")[..., 3]
    assert tuple(plane.location) == (0.0, 0.0, 0.0)
    assert alpha[SIZE // 4, 3 * SIZE // 4] == 1.0
    assert alpha[:, : SIZE // 2 - 1].max() == 0.0
    assert alpha[SIZE // 2 + 1 :].max() == 0.0


def test_a_version_that_was_cropped_stays_in_its_place(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, samples=1)
    whole = write_disc(tmp_path / "whole")
    plane = place(whole, reverse=True, repeat="FOREVER")
    box = {"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": DISC}
    show_instead(showing_on(plane), Clip.open(write_disc(tmp_path / "cropped", canvas=box)), scene)
    corners = [tuple(vertex.co) for vertex in plane.data.vertices]
    np.testing.assert_allclose(corners, [(0, 0, 0), (0.5, 0, 0), (0.5, 0, 0.5), (0, 0, 0.5)], atol=1e-6)
    show_instead(showing_on(plane), Clip.open(whole), scene)
    np.testing.assert_allclose(plane.data.vertices[0].co, (-0.5, 0.0, 0.0), atol=1e-6)
    assert playback_of(showing_on(plane).texture) == Playback(reverse=True, repeats=FOR_EVER)


def test_it_tells_what_made_it(scene: bpy.types.Scene, tmp_path: Path):
    folder = write_clip(tmp_path)
    plane = place(folder)
    material = plane.material_slots[0].material
    for thing in (plane, material, bpy.data.images["test-effect"]):
        provenance = provenance_of(thing)
        assert (provenance.prompt, provenance.seed, provenance.model) == ("test effect", 7, "tiny")
        assert provenance.licence == "none"
        assert provenance.request == {"prompt": "test effect", "seed": 7}
        assert Path(provenance.sidecar) == folder / "test-effect.transpixar"
    copied = bpy.data.objects.new("Copy", plane.data)
    assert provenance_of(copied) == provenance_of(plane)
    assert provenance_of(scene.camera) is None
    plane["transpixar_seed"] = "many"
    plane["transpixar_request"] = "{"
    assert (provenance_of(plane).seed, provenance_of(plane).request) == (None, {})


def test_what_is_not_given_comes_from_the_panel(scene: bpy.types.Scene, tmp_path: Path):
    settings = scene.transpixar.placement
    settings.height, settings.align_axis = 3.0, "+X"
    plane = place(write_clip(tmp_path), align_axis="-Y")
    assert plane.dimensions.z == pytest.approx(3.0)
    assert tuple(front_of(plane)) == (0.0, -1.0, 0.0)


@pytest.mark.parametrize(("suffix", "file_format"), [(".exr", "OPEN_EXR"), (".tif", "TIFF"), (".png", "PNG")])
def test_sequences_that_were_rendered_composite_right(
    scene: bpy.types.Scene, tmp_path: Path, suffix: str, file_format: str
):
    set_up(scene)
    scene.cycles.filter_width = 0.01
    scene.render.resolution_x = scene.render.resolution_y = DISC
    original = place(write_disc(tmp_path, (255, 200, 90)), hold_last=True)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = file_format, "RGBA"
    for number in (1, 2):
        scene.render.filepath = str(tmp_path / f"fx_{number:03d}{suffix}")
        scene.frame_set(START)
        bpy.ops.render.render(write_still=True)
    bpy.data.objects.remove(original)
    settings.file_format, settings.color_depth = "PNG", "8"
    fill_background(scene, BACKGROUNDS[1])
    place(tmp_path / f"fx_002{suffix}")
    pixels = render(scene, START + 1, tmp_path / "out.png")[..., :3]
    expected = over_in_linear_light(disc(), (1.0, 200 / 255, 90 / 255), BACKGROUNDS[1])
    # Rendered to 8 bits, colours of almost transparent pixels are rounded before they come here.
    assert abs(pixels - expected).max() <= 5 / 255


def test_a_multilayer_exr_is_called_one_and_nothing_is_placed(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, samples=1)
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.filepath = str(tmp_path / "pass_0001.exr")
    bpy.ops.render.render(write_still=True)
    before = len(bpy.data.images), len(bpy.data.objects)
    for operator in (
        bpy.ops.transpixar.place_plane,
        bpy.ops.transpixar.place_strip,
        bpy.ops.transpixar.place_in_compositor,
    ):
        with pytest.raises(RuntimeError, match=r"pass_0001\.exr is a multilayer EXR.*Save it as OpenEXR"):
            operator(filepath=str(tmp_path / "pass_0001.exr"))
    assert (len(bpy.data.images), len(bpy.data.objects)) == before


def test_a_plane_counts_as_blender_does_and_says_so_where_blender_cannot(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, samples=1)
    frames = sorted(write_clip(tmp_path / "clip", count=3, fps=24).glob("*.png"))
    for folder, names in (
        ("middle", ("v2_0009_rgb.png", "v2_0010_rgb.png", "v2_0011_rgb.png")),
        ("negative", ("a_-0001.png", "a_0000.png", "a_0001.png")),
    ):
        (tmp_path / folder).mkdir()
        for name, frame in zip(names, frames, strict=True):
            shutil.copy(frame, tmp_path / folder / name)
    place(tmp_path / "middle" / "v2_0010_rgb.png")
    shown = [shown_clip_frame(render(scene, START + index, tmp_path / "out.png")) for index in range(3)]
    assert shown == [1, 2, 3]
    with pytest.raises(RuntimeError, match=r"cannot count from a_-0001\.png to a_0001\.png.*as a strip"):
        bpy.ops.transpixar.place_plane(filepath=str(tmp_path / "negative" / "a_0000.png"))
    assert bpy.ops.transpixar.place_strip(filepath=str(tmp_path / "negative" / "a_0000.png")) == {"FINISHED"}
    strip = scene.sequence_editor.active_strip
    assert [element.filename for element in strip.elements] == ["a_-0001.png", "a_0000.png", "a_0001.png"]


def test_a_plane_of_an_earlier_version_shows_another_part_in_its_place(scene: bpy.types.Scene, tmp_path: Path):
    set_up(scene, samples=1)
    plane = place(write_disc(tmp_path / "whole"))
    # As planes were: flat, from their centre, with the upright pose in the rotation.
    for vertex in plane.data.vertices:
        x, _, z = vertex.co
        vertex.co = (x, z - 0.5, 0.0)
    plane.location, plane.rotation_euler = (0.0, 0.0, 0.5), (np.pi / 2, 0.0, 0.0)
    box = {"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": DISC}
    show_instead(showing_on(plane), Clip.open(write_disc(tmp_path / "cropped", canvas=box)), scene)
    alpha = render(scene, START, tmp_path / "out.png")[..., 3]
    assert alpha[3 * SIZE // 4, 3 * SIZE // 4] == 1.0
    assert alpha[: SIZE // 2 - 1].max() == 0.0
    assert alpha[:, : SIZE // 2 - 1].max() == 0.0
