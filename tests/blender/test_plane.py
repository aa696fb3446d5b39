from ctypes.util import find_library
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.addon.made_clips import write_clip
from tests.blender.rendering import SIZE, render, set_up

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


def test_it_stands_upright_at_the_cursor_one_metre_high(scene: bpy.types.Scene, tmp_path: Path):
    scene.cursor.location = (1.0, 2.0, 3.0)
    plane = place(write_clip(tmp_path, width=32, height=16))
    bpy.context.view_layer.update()
    assert tuple(plane.location) == (1.0, 2.0, 3.0)
    assert tuple(round(size, 5) for size in plane.dimensions) == (2.0, 1.0, 0.0)
    top_right = plane.matrix_world @ plane.data.vertices[2].co
    assert tuple(round(value, 5) for value in top_right) == (2.0, 2.0, 3.5)
    assert plane.select_get() and bpy.context.view_layer.objects.active == plane


def test_arguments_say_where_and_when(scene: bpy.types.Scene, tmp_path: Path):
    plane = place(write_clip(tmp_path), height=2.0, frame_start=100, location=(5.0, 0.0, 0.0))
    assert plane.location.x == 5.0
    assert plane.dimensions.y == pytest.approx(2.0)
    set_up(scene, samples=1)
    plane.location.x = 0.0
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
