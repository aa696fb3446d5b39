"""Finishing, the way back, and exporting, with the real server behind the real courier."""

import socket
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import requests

from blender_transpixar.bl import compat, pump
from blender_transpixar.bl.shown_clips import showing_on
from blender_transpixar.bl.subject import subject
from blender_transpixar.core.clip import Clip
from blender_transpixar.operators.finish_clip import _Target
from blender_transpixar.ui.finish_panel import FinishSection
from tests.addon.made_clips import write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.recorded_layout import RecordedLayout
from tests.blender.rendering import render, set_up
from tests.blender.tested_package import PACKAGE

START = 10


@pytest.fixture
def plane(connected: Path) -> bpy.types.Object:
    """The plane of a generated clip, from frame 10 on, active and in front of a camera."""
    scene = bpy.context.scene
    scene.render.fps = 24
    scene.frame_set(START)
    set_up(scene, samples=1)
    assert bpy.ops.transpixar.generate(prompt="orange smoke", seed=7, model=MODEL_NAME) == {"FINISHED"}
    plane = scene.objects["orange-smoke"]
    bpy.context.view_layer.objects.active = plane
    return plane


def shown(thing: bpy.types.Object) -> Clip:
    showing = showing_on(thing)
    assert showing is not None
    return showing.clip


def key_frames(thing: bpy.types.Object) -> list[float]:
    tree = thing.material_slots[0].material.node_tree
    curve = compat.find_fcurve(tree, 'nodes["Image Texture"].image_user.frame_offset')
    return [key.co.x for key in curve.keyframe_points]


def alpha_of(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path), check_existing=False)
    alpha = np.array(image.pixels[:]).reshape(-1, 4)[:, 3]  # (height * width * 4,) -> (height * width, 4)
    bpy.data.images.remove(image)
    return alpha


def rendered(tmp_path: Path, frame: int) -> np.ndarray:
    return render(bpy.context.scene, frame, tmp_path / "out.png")


def test_levels_change_the_alpha_that_is_rendered_and_the_raw_clip_stays(plane: bpy.types.Object, tmp_path: Path):
    raw = shown(plane)
    files = {path: path.read_bytes() for path in raw.folder.iterdir()}
    before = rendered(tmp_path, START)[..., 3]
    assert bpy.ops.transpixar.finish_clip(white=0.5) == {"FINISHED"}
    finished = shown(plane)
    assert finished.folder.parent == raw.folder.parent and finished.folder != raw.folder
    assert finished.sidecar.finishing["steps"][0]["step"] == "levels"
    for name in raw.sidecar.frame_names():
        alpha, finished_alpha = (alpha_of(clip.folder / name) for clip in (raw, finished))
        np.testing.assert_allclose(finished_alpha, np.clip(alpha * 2, 0, 1), atol=1 / 255)
    after = rendered(tmp_path, START)[..., 3]
    assert after.mean() > 1.05 * before.mean()
    # The film mixes neighbours, which can only lower what is clipped at 1.
    np.testing.assert_array_less(after, np.clip(before * 2, 0, 1) + 2 / 255)
    assert {path: path.read_bytes() for path in raw.folder.iterdir()} == files
    assert len(bpy.context.scene.objects) == 2


def test_back_to_the_raw_clip(plane: bpy.types.Object, tmp_path: Path):
    raw = shown(plane)
    before = rendered(tmp_path, START)
    assert not bpy.ops.transpixar.use_raw_clip.poll()
    bpy.ops.transpixar.finish_clip(white=0.5, reverse=True)
    finished = shown(plane)
    assert bpy.ops.transpixar.use_raw_clip() == {"FINISHED"}
    assert shown(plane) == raw
    np.testing.assert_array_equal(rendered(tmp_path, START), before)
    assert Clip.open(finished.folder) == finished


def test_finishing_and_going_back_can_be_undone(plane: bpy.types.Object, tmp_path: Path):
    raw = shown(plane).folder
    before = rendered(tmp_path, START)
    bpy.ops.ed.undo_push(message="Before")
    # With True, Blender makes the undo step that it makes for a person.
    bpy.ops.transpixar.finish_clip("EXEC_DEFAULT", True, white=0.5, repeat="PING_PONG", frame_rate="SCENE")
    finished = shown(bpy.context.scene.objects["orange-smoke"]).folder
    keys = key_frames(bpy.context.scene.objects["orange-smoke"])
    bpy.ops.ed.undo()
    assert shown(bpy.context.scene.objects["orange-smoke"]).folder == raw
    assert key_frames(bpy.context.scene.objects["orange-smoke"]) != keys
    np.testing.assert_array_equal(rendered(tmp_path, START), before)
    bpy.ops.ed.redo()
    assert shown(bpy.context.scene.objects["orange-smoke"]).folder == finished
    bpy.ops.transpixar.use_raw_clip("EXEC_DEFAULT", True)
    assert shown(bpy.context.scene.objects["orange-smoke"]).folder == raw
    bpy.ops.ed.undo()
    assert shown(bpy.context.scene.objects["orange-smoke"]).folder == finished


def test_finishing_again_begins_with_the_raw_clip(plane: bpy.types.Object):
    raw = shown(plane)
    bpy.ops.transpixar.finish_clip(reverse=True)
    bpy.ops.transpixar.finish_clip(choke=1.0)
    assert [step["step"] for step in shown(plane).sidecar.finishing["steps"]] == ["choke"]
    assert shown(plane).sidecar.source.name == raw.folder.name
    # The one before is there still, and is not made twice.
    bpy.ops.transpixar.finish_clip(reverse=True)
    assert len(list(raw.folder.parent.iterdir())) == 3


def test_a_clip_at_the_scenes_rate_has_a_key_on_every_frame(plane: bpy.types.Object):
    count = shown(plane).sidecar.frame_count
    bpy.ops.transpixar.finish_clip(frame_rate="SCENE", method="REPEAT")
    assert (shown(plane).sidecar.fps, shown(plane).sidecar.frame_count) == (24, 3 * count)
    assert key_frames(plane) == list(range(START, START + 3 * count))


def test_keys_that_the_artist_moved_stay_where_they_are(plane: bpy.types.Object):
    tree = plane.material_slots[0].material.node_tree
    for curve in compat.fcurves(tree):
        for key in curve.keyframe_points:
            key.co.x += 5
    moved = key_frames(plane)
    bpy.ops.transpixar.finish_clip(choke=1.0)
    assert key_frames(plane) == moved
    bpy.ops.transpixar.finish_clip(frame_rate="SCENE", method="REPEAT")
    assert key_frames(plane)[0] == START + 5


def test_a_loop_runs_on_and_on(plane: bpy.types.Object, tmp_path: Path):
    bpy.ops.transpixar.finish_clip(repeat="LOOP", overlap=1)
    frames = 3 * shown(plane).sidecar.frame_count
    first = rendered(tmp_path, START)
    np.testing.assert_array_equal(rendered(tmp_path, START + frames), first)
    np.testing.assert_array_equal(rendered(tmp_path, START + 7 * frames + 2), first)
    assert rendered(tmp_path, START - 1)[..., 3].max() == 0.0
    bpy.ops.transpixar.use_raw_clip()
    assert rendered(tmp_path, START + 7 * frames)[..., 3].max() == 0.0


def test_without_a_selected_plane_every_plane_of_the_last_clip_changes(plane: bpy.types.Object):
    folder = shown(plane).folder
    bpy.ops.transpixar.place_plane(filepath=str(folder), frame_start=100)
    second = bpy.context.object
    bpy.context.view_layer.objects.active = None
    bpy.ops.transpixar.finish_clip(choke=1.0)
    assert shown(plane) == shown(second)
    assert shown(plane).folder != folder
    assert key_frames(second)[0] == 100
    bpy.context.view_layer.objects.active = second
    bpy.ops.transpixar.use_raw_clip()
    assert shown(second).folder == folder
    assert shown(plane).folder != folder


def test_without_any_plane_the_finished_clip_is_placed(plane: bpy.types.Object):
    folder = shown(plane).folder
    bpy.data.objects.remove(plane)
    assert bpy.ops.transpixar.finish_clip(filepath=str(folder), choke=1.0) == {"FINISHED"}
    assert shown(bpy.context.scene.objects["orange-smoke"]).sidecar.source.name == folder.name


def test_what_is_not_given_comes_from_the_panel(plane: bpy.types.Object):
    settings = bpy.context.scene.transpixar.finishing
    settings.black, settings.scale = 0.1, 2.0
    raw = shown(plane)
    bpy.ops.transpixar.finish_clip(scale=3.0)
    steps = shown(plane).sidecar.finishing["steps"]
    assert (steps[0]["black"], steps[1]["scale"]) == (0.1, 3.0)
    assert shown(plane).sidecar.width == 3 * raw.sidecar.width


def test_every_setting_is_one_the_server_knows(plane: bpy.types.Object):
    assert bpy.ops.transpixar.finish_clip(
        alpha_from="LUMA",
        background="COLOUR",
        black=0.05,
        smooth=True,
        choke=-0.5,
        fade_edges=1.5,
        trim_first=2,
        trim_last=5,
        extend=True,
        crop=True,
        crop_margin=4,
        recentre=True,
        frame_rate="SCENE",
        method="MOTION",
        reverse=True,
        repeat="LOOP",
        hold_start=1,
        hold_end=2,
        scale=0.5,
    ) == {"FINISHED"}
    assert len(shown(plane).sidecar.finishing["steps"]) == 15


def test_a_cropped_clip_is_rendered_where_it_was(plane: bpy.types.Object, tmp_path: Path):
    raw = shown(plane).sidecar
    # So that something is there to be cut away.
    bpy.ops.transpixar.finish_clip(black=0.4)
    whole, whole_alpha = shown(plane).sidecar, rendered(tmp_path, START)[..., 3]
    bpy.ops.transpixar.finish_clip(black=0.4, crop=True, crop_margin=2)
    cropped = shown(plane).sidecar
    assert (whole.canvas, cropped.canvas.width, cropped.canvas.height) == (None, raw.width, raw.height)
    assert (cropped.width, cropped.height) != (raw.width, raw.height)
    np.testing.assert_allclose(rendered(tmp_path, START)[..., 3], whole_alpha, atol=0.02)
    bpy.ops.transpixar.finish_clip(black=0.4, crop=True, crop_margin=2, scale=2.0)
    assert shown(plane).sidecar.canvas.width == 2 * raw.width
    assert abs(rendered(tmp_path, START)[..., 3].mean() - whole_alpha.mean()) < 0.01


def test_a_clip_takes_a_rate_that_is_no_whole_number(plane: bpy.types.Object):
    count = shown(plane).sidecar.frame_count
    bpy.context.scene.render.fps_base = 1.001
    bpy.ops.transpixar.finish_clip(frame_rate="SCENE", method="REPEAT")
    sidecar = shown(plane).sidecar
    assert (sidecar.fps, sidecar.frame_count) == (Fraction(24000, 1001), 3 * count)
    assert key_frames(plane) == list(range(START, START + 3 * count))


def pump_until(reached: Callable[[], bool]) -> None:
    """Timers never fire in background mode, so the test ticks by hand."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        pump.tick()
        time.sleep(0.01)


def start_like_the_panel(plane: bpy.types.Object, finishing: dict, format_name: str = "clip") -> None:
    """What the Finish Clip button does; in background mode Blender would call execute instead of invoke."""
    clip = shown(plane)
    url = bpy.context.preferences.addons[PACKAGE].preferences.server_address
    delivery = pump.dispatcher().fetch(clip.sidecar, url, format_name, finishing, clip.folder.parent)
    pump.follow(delivery, _Target(bpy.context).show_when_possible)


REVERSE = {"format": "transpixar-finishing", "format_version": 1, "steps": [{"step": "reverse"}]}


def test_from_the_panel_the_plane_that_was_active_changes(plane: bpy.types.Object):
    folder = shown(plane).folder
    bpy.ops.transpixar.place_plane(filepath=str(folder), frame_start=100)
    second = bpy.context.object
    start_like_the_panel(second, REVERSE)
    assert not bpy.ops.transpixar.finish_clip.poll()
    assert bpy.ops.transpixar.generate.poll()
    bpy.context.view_layer.objects.active = plane
    pump_until(lambda: not pump.is_delivering())
    assert pump.delivery().error is None
    assert shown(second).sidecar.finishing is not None
    assert shown(plane).folder == folder
    assert bpy.ops.transpixar.finish_clip.poll()


def test_cancel(plane: bpy.types.Object):
    assert not bpy.ops.transpixar.cancel_delivery.poll()
    raw = shown(plane)
    start_like_the_panel(plane, REVERSE)
    assert bpy.ops.transpixar.cancel_delivery() == {"FINISHED"}
    pump_until(lambda: not pump.is_delivering())
    assert pump.delivery().cancelled
    assert shown(plane) == raw
    assert list(raw.folder.parent.iterdir()) == [raw.folder]


@pytest.mark.parametrize("format_name", ["prores4444", "qtrle"])
def test_an_exported_movie_opens_in_blender(plane: bpy.types.Object, tmp_path: Path, format_name: str):
    # The suffix comes with the format.
    assert bpy.ops.transpixar.export_clip(filepath=str(tmp_path / "smoke"), format=format_name) == {"FINISHED"}
    movie = bpy.data.images.load(str(tmp_path / "smoke.mov"))
    assert movie.source == "MOVIE"
    assert tuple(movie.size) == (shown(plane).sidecar.width, shown(plane).sidecar.height)
    assert movie.frame_duration == shown(plane).sidecar.frame_count


def test_an_exported_sequence_is_the_version_that_is_shown(plane: bpy.types.Object, tmp_path: Path):
    bpy.ops.transpixar.finish_clip(white=0.5, scale=2.0)
    bpy.ops.transpixar.export_clip(filepath=str(tmp_path / "frames"), format="png8")
    finished = shown(plane)
    for name in finished.sidecar.frame_names():
        ours, theirs = (bpy.data.images.load(str(folder / name)) for folder in (finished.folder, tmp_path / "frames"))
        assert tuple(ours.size) == tuple(theirs.size) == (finished.sidecar.width, finished.sidecar.height)
        assert ours.pixels[:] == theirs.pixels[:]


def test_an_export_never_replaces_a_folder(plane: bpy.types.Object, tmp_path: Path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/mine.txt").write_text("precious")
    with pytest.raises(RuntimeError, match="never replaced"):
        bpy.ops.transpixar.export_clip(filepath=str(tmp_path / "frames"), format="exr")
    assert (tmp_path / "frames/mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Nothing is set to finish"),
        ({"black": 0.9, "white": 0.2}, "below its white point"),
        ({"trim_first": 9, "trim_last": 3}, "comes after the last one"),
        ({"trim_first": 9999}, "has no frame 9999"),
        ({"repeat": "LOOP", "overlap": 500}, "overlap"),
        ({"choke": 1.0, "filepath": "/nowhere/at/all"}, "does not exist"),
    ],
)
def test_bad_input_is_a_sentence_and_changes_nothing(plane: bpy.types.Object, arguments: dict, sentence: str):
    raw = shown(plane)
    with pytest.raises(RuntimeError, match=sentence) as caught:
        bpy.ops.transpixar.finish_clip(**arguments)
    assert "Traceback" not in str(caught.value)
    assert shown(plane) == raw
    assert list(raw.folder.parent.iterdir()) == [raw.folder]


def test_nothing_to_finish(connected: Path):
    with pytest.raises(RuntimeError, match="Select the plane of a clip"):
        bpy.ops.transpixar.finish_clip(choke=1.0)
    with pytest.raises(RuntimeError, match="Select the plane of a clip"):
        bpy.ops.transpixar.export_clip(filepath="somewhere")


def test_a_clip_that_the_server_no_longer_has(plane: bpy.types.Object, tmp_path: Path):
    address = bpy.context.preferences.addons[PACKAGE].preferences.server_address
    requests.delete(f"{address}/v1/videos/{shown(plane).sidecar.job}").raise_for_status()
    with pytest.raises(RuntimeError, match="generate it again to finish it"):
        bpy.ops.transpixar.finish_clip(choke=1.0)
    with pytest.raises(RuntimeError, match="generate it again to finish it"):
        bpy.ops.transpixar.export_clip(filepath=str(tmp_path / "a.mov"))


def test_a_server_that_is_gone(plane: bpy.types.Object, preferences, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        preferences.server_address = f"127.0.0.1:{free.getsockname()[1]}"
    raw = shown(plane)
    with pytest.raises(RuntimeError, match="Start it with `python -m server`"):
        bpy.ops.transpixar.finish_clip(choke=1.0)
    with pytest.raises(RuntimeError, match="Start it with `python -m server`"):
        bpy.ops.transpixar.export_clip(filepath=str(tmp_path / "a.mov"))
    assert shown(plane) == raw


def test_a_raw_clip_that_is_gone_leaves_the_finished_one(plane: bpy.types.Object):
    raw = shown(plane)
    bpy.ops.transpixar.finish_clip(choke=1.0)
    finished = shown(plane)
    raw.folder.rename(raw.folder.with_name("elsewhere"))
    with pytest.raises(RuntimeError, match="Put its folder back"):
        bpy.ops.transpixar.use_raw_clip()
    assert shown(plane) == finished


def test_the_artists_own_sequences_are_no_clips(blender: None, tmp_path: Path):
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    assert subject(bpy.context) is not None
    next(tmp_path.glob("*/*.transpixar")).unlink()
    assert subject(bpy.context) is None


@pytest.fixture
def panel(blender: None) -> Iterator[Callable[[], RecordedLayout]]:
    def draw() -> RecordedLayout:
        layout = RecordedLayout()
        context = SimpleNamespace(
            scene=bpy.context.scene,
            active_object=bpy.context.active_object,
            preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
            region=SimpleNamespace(width=300),
        )
        FinishSection.draw(SimpleNamespace(layout=layout), context)
        return layout

    return draw


def test_the_panel_without_a_clip_says_where_to_get_one(panel: Callable[[], RecordedLayout]):
    assert "Generate a clip" in " ".join(panel().labels)
    assert panel().operators == []


def test_the_panel_shows_what_was_done_to_a_clip(plane: bpy.types.Object, panel: Callable[[], RecordedLayout]):
    assert panel().operators == ["transpixar.finish_clip", "transpixar.export_clip"]
    bpy.context.scene.transpixar.finishing.repeat = "LOOP"
    assert "overlap" in panel().properties
    bpy.context.scene.transpixar.finishing.repeat = "ONCE"
    assert not {"crop_margin", "extend_below"} & set(panel().properties)
    bpy.context.scene.transpixar.finishing.crop = bpy.context.scene.transpixar.finishing.extend = True
    assert {"crop_margin", "extend_below"} <= set(panel().properties)
    bpy.context.scene.transpixar.finishing.crop = bpy.context.scene.transpixar.finishing.extend = False
    bpy.ops.transpixar.finish_clip(black=0.05, choke=-1.0)
    drawn = panel()
    assert "Finished: levels, choke -1 px" in " ".join(drawn.labels)
    assert drawn.operators == ["transpixar.finish_clip", "transpixar.use_raw_clip", "transpixar.export_clip"]


def test_the_panel_shows_progress_and_errors(plane: bpy.types.Object, panel: Callable[[], RecordedLayout]):
    start_like_the_panel(plane, REVERSE)
    drawn = panel()
    assert drawn.operators == ["transpixar.cancel_delivery"]
    assert "The server is at work" in drawn.labels
    pump_until(lambda: not pump.is_delivering())
    with pytest.raises(RuntimeError):
        bpy.ops.transpixar.finish_clip(repeat="LOOP", overlap=500)
    assert "overlap" in " ".join(panel().labels)
