"""A clip that stands in the scene, once more."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pytest

from blender_transpixar.bl import clip_queue, compat, pump
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.regenerate import Replacement, request_again
from blender_transpixar.bl.shown_clips import showing_on, showing_on_strip
from blender_transpixar.core.clip import Clip
from tests.addon.made_clips import png, write_clip
from tests.addon.real_server import MODEL_NAME, RealServer, write_tiny_model
from tests.blender.test_generate import pump_until


@pytest.fixture
def clip(connected: Path) -> Clip:
    """One that says it came from the server's model."""
    folder = write_clip(connected)
    sidecar = folder / "test-effect.transpixar"
    request = {"prompt": "orange smoke", "seed": 7, "steps": 1, "model": MODEL_NAME}
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"request": request}))
    return Clip.open(folder)


@pytest.fixture
def plane(clip: Clip) -> bpy.types.Object:
    bpy.context.scene.frame_set(30)
    bpy.ops.transpixar.place_plane(filepath=str(clip.folder))
    return bpy.context.object


def starts(plane: bpy.types.Object) -> float:
    curves = compat.fcurves(plane.material_slots[0].material.node_tree)
    return max(curve.range()[0] for curve in curves)


def start_like_the_panel() -> None:
    replacement = Replacement(bpy.context)
    request = request_again(replacement.thing, new_seed=True)
    clip_queue.submit(bpy.context, request, RequestFiles(), target=replacement)


def test_another_seed_takes_the_old_ones_place(plane: bpy.types.Object, clip: Clip):
    assert bpy.ops.transpixar.regenerate() == {"FINISHED"}
    new = showing_on(plane).clip
    assert new.folder != clip.folder
    assert new.sidecar.request | clip.sidecar.request == new.sidecar.request | {"seed": 7}
    assert new.sidecar.seed != 7
    assert starts(plane) == 30.0
    Clip.open(clip.folder)


def test_lost_frames_are_made_again_from_what_the_plane_knows(plane: bpy.types.Object, clip: Clip):
    bpy.ops.transpixar.regenerate(seed="SAME")
    lost = showing_on(plane).clip
    shutil.rmtree(lost.folder)
    assert bpy.ops.transpixar.regenerate(seed="SAME") == {"FINISHED"}
    found = showing_on(plane).clip
    assert found.folder != clip.folder
    assert found.sidecar.sha256 == lost.sidecar.sha256
    assert starts(plane) == 30.0


def test_a_strip_gets_its_new_clip_too(clip: Clip):
    bpy.ops.transpixar.place_strip(filepath=str(clip.folder), frame_start=12)
    (strip,) = compat.all_strips(bpy.context.scene)
    before = compat.strip_range(strip)
    assert bpy.ops.transpixar.regenerate() == {"FINISHED"}
    assert showing_on_strip(strip).clip.folder != clip.folder
    assert compat.strip_range(strip) == before


def test_what_was_finished_is_finished_again(plane: bpy.types.Object, clip: Clip):
    bpy.ops.transpixar.regenerate()
    bpy.ops.transpixar.finish_clip(gamma=2.0)
    before = showing_on(plane).clip.sidecar
    assert bpy.ops.transpixar.regenerate() == {"FINISHED"}
    after = showing_on(plane).clip.sidecar
    assert after.finishing["steps"] == before.finishing["steps"]
    assert after.seed != before.seed
    assert starts(plane) == 30.0


def test_from_the_panel_the_plane_waits_for_its_clip(plane: bpy.types.Object):
    start_like_the_panel()
    bpy.context.scene.frame_set(90)
    pump_until(lambda: not pump.is_busy())
    assert showing_on(plane).clip.folder == pump.current().folder
    assert starts(plane) == 30.0


def test_a_plane_that_was_deleted_meanwhile_leaves_the_clip_in_the_queue(plane: bpy.types.Object):
    start_like_the_panel()
    bpy.data.objects.remove(plane)
    pump_until(lambda: not pump.is_busy())
    newest = clip_queue.wishes()[0]
    assert "use Place Clip" in newest.problem
    assert newest.entry.unplaced


def test_only_for_clips(blender: None, tmp_path: Path):
    assert not bpy.ops.transpixar.regenerate.poll()
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    assert bpy.ops.transpixar.regenerate.poll()


@pytest.fixture
def forgetful(preferences, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A server whose model begins with a picture; called, it drops its uploads as it does when they are old."""
    model = write_tiny_model(tmp_path / "models" / "tiny", image_to_video=True)
    running = RealServer(model, tmp_path / "data", tmp_path / "server.log").start()
    preferences.server_address = running.url
    preferences.clip_folder = str(tmp_path / "clips")

    def forget() -> None:
        running.stop()
        shutil.rmtree(tmp_path / "data" / "uploads")
        running.start()

    yield forget
    running.stop()


def test_a_clip_from_a_picture_can_be_made_again_when_the_server_has_dropped_the_picture(
    forgetful: Callable[[], None], tmp_path: Path
):
    picture = tmp_path / "first.png"
    picture.write_bytes(png(64, 64, lambda x, y: (4 * x, 4 * y, 90, 255)))
    bpy.ops.transpixar.generate(
        prompt="smoke", seed=7, steps=1, first_frame_source="FILE", first_frame_file=str(picture)
    )
    plane = bpy.context.scene.objects[0]
    bpy.context.view_layer.objects.active = plane
    made = showing_on(plane).clip.sidecar
    forgetful()
    assert bpy.ops.transpixar.regenerate(seed="SAME") == {"FINISHED"}
    again = showing_on(plane).clip.sidecar
    assert (again.sha256, again.job) == (made.sha256, again.job) and again.job != made.job
    forgetful()
    picture.write_bytes(png(64, 64, lambda x, y: (0, 0, 90, 255)))
    with pytest.raises(RuntimeError, match="is not the file any more that this clip was made from"):
        bpy.ops.transpixar.regenerate(seed="SAME")
