"""From a prompt to a plane, with the real server behind the real courier."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_transpixar import preferences as addon_preferences
from blender_transpixar.bl import clip_queue, compat, previews, pump
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.target import Target
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.generation import Outcome
from blender_transpixar.core.request import ClipRequest
from tests.addon.real_server import MODEL_NAME
from tests.blender.rendering import render, set_up
from tests.blender.tested_package import PACKAGE


def test_a_script_gets_its_plane_from_one_call(connected: Path, tmp_path: Path):
    scene = bpy.context.scene
    scene.cursor.location = (0.0, 0.0, 0.0)
    scene.frame_set(30)
    assert bpy.ops.transpixar.generate(prompt="orange smoke", seed=7, model=MODEL_NAME) == {"FINISHED"}
    clip = Clip.open(pump.current().folder)
    assert clip.folder.parent == connected
    assert clip.sidecar.request["seed"] == 7
    plane = scene.objects["orange-smoke"]
    assert plane.material_slots[0].material.node_tree.animation_data is not None
    set_up(scene)
    before, during = (render(scene, frame, tmp_path / "out.png") for frame in (29, 30))
    assert before[..., 3].max() == 0.0
    assert during[..., 3].max() > 0.0


def test_what_is_not_given_comes_from_the_panel(connected: Path):
    settings = bpy.context.scene.transpixar
    settings.prompt, settings.seed, settings.model = "blue sparks", 0, MODEL_NAME
    bpy.ops.transpixar.generate(seed=5)
    request = Clip.open(pump.current().folder).sidecar.request
    assert (request["prompt"], request["seed"]) == ("blue sparks", 5)


def pump_until(reached: Callable[[], bool]) -> None:
    """Timers never fire in background mode, so the test ticks by hand."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        pump.tick()
        time.sleep(0.01)


SHORT = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
# The most the tiny model takes: long enough to see previews and to be interrupted.
LONG = ClipRequest("orange smoke", seed=7, width=64, height=64, num_frames=9, steps=100, model=MODEL_NAME)


def start_like_the_panel(request: ClipRequest = SHORT) -> None:
    """What the Generate button does; in background mode Blender would call execute instead of invoke."""
    context = bpy.context
    clip_queue.submit(context, request, RequestFiles(), target=Target(context))


def test_from_the_panel_the_plane_stands_where_and_when_the_button_was_pressed(connected: Path):
    scene = bpy.context.scene
    scene.cursor.location = (1.0, 0.0, 0.0)
    scene.frame_set(10)
    start_like_the_panel()
    assert bpy.ops.transpixar.generate.poll()
    scene.cursor.location = (9.0, 0.0, 0.0)
    scene.frame_set(77)
    pump_until(lambda: not pump.is_busy())
    assert pump.current().error is None
    plane = scene.objects["orange-smoke"]
    assert tuple(plane.location) == (1.0, 0.0, 0.0)
    curves = compat.fcurves(plane.material_slots[0].material.node_tree)
    keys = [curve.range()[0] for curve in curves]
    assert sorted(keys) == [9.0, 10.0]
    assert bpy.ops.transpixar.generate.poll()


def test_the_preview_becomes_a_picture_for_the_panel(connected: Path):
    start_like_the_panel(LONG)
    pump_until(lambda: pump.current().preview is not None or pump.current().finished)
    pump_until(lambda: not pump.is_busy())
    assert pump.current().preview is not None
    preview = pump.current().preview
    picture = previews.picture_of(preview)
    assert tuple(picture.image_size) == (preview.width, preview.height)
    shown = np.empty(preview.width * preview.height * 4, np.float32)
    picture.image_pixels_float.foreach_get(shown)
    sent = np.fromfile(preview.path, np.uint8)
    np.testing.assert_allclose(shown * 255, sent, atol=1)
    assert previews.icon_of(None) == 0


def test_cancel(connected: Path):
    assert not bpy.ops.transpixar.cancel.poll()
    start_like_the_panel(LONG)
    pump_until(lambda: pump.current().job is not None)
    assert bpy.ops.transpixar.cancel() == {"FINISHED"}
    pump_until(lambda: not pump.is_busy())
    assert pump.current().outcome is Outcome.CANCELLED
    assert len(bpy.context.scene.objects) == 0


def test_another_file_opened_meanwhile_is_left_alone_and_the_clip_offered(connected: Path):
    start_like_the_panel()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    pump_until(lambda: not pump.is_busy())
    generation = pump.current()
    assert generation.error is None
    Clip.open(generation.folder)
    assert len(bpy.context.scene.objects) == 0
    wish = clip_queue.find(generation.key)
    assert (wish.phase, len(wish.entry.unplaced)) == ("Not placed yet", 1)
    assert "gone" in wish.problem
    assert bpy.ops.transpixar.place_from_queue(key=wish.key) == {"FINISHED"}
    assert len(bpy.context.scene.objects) == 1
    assert (wish.phase, wish.problem) == ("Done", "")


def test_without_a_server_the_report_says_how_to_start_it(preferences):
    with socket.create_server(("127.0.0.1", 0)) as free:
        preferences.server_address = f"localhost:{free.getsockname()[1]}"
    with pytest.raises(RuntimeError, match="Start it with `python -m server`"):
        bpy.ops.transpixar.generate(prompt="orange smoke")
    assert bpy.ops.transpixar.generate.poll()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prompt": "  "}, "The prompt is empty"),
        ({"prompt": "smoke", "width": 65}, "65"),
        ({"prompt": "smoke", "num_frames": 4}, "frame"),
        ({"prompt": "smoke", "model": "nobody"}, "nobody"),
    ],
)
def test_bad_input_is_a_sentence_and_leaves_nothing(connected: Path, arguments: dict, sentence: str):
    with pytest.raises(RuntimeError, match=sentence) as caught:
        bpy.ops.transpixar.generate(**{"model": MODEL_NAME, **arguments})
    assert "Traceback" not in str(caught.value)
    assert not connected.exists()
    assert len(bpy.context.scene.objects) == 0


def test_another_computer_needs_online_access(preferences):
    preferences.server_address = "render-box:8420"
    assert bpy.app.online_access or not bpy.ops.transpixar.generate.poll()
    preferences.server_address = "no address at all"
    assert not bpy.ops.transpixar.generate.poll()


def test_clips_stand_beside_a_saved_file_unless_a_folder_is_chosen(preferences, tmp_path: Path):
    clip_folder = addon_preferences.clip_folder
    assert clip_folder(bpy.context).is_absolute()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert clip_folder(bpy.context) == tmp_path / "transpixar"
    preferences.clip_folder = "//effects/"
    assert clip_folder(bpy.context) == tmp_path / "effects"


def test_unregistering_ends_the_courier_in_the_middle_of_a_clip(connected: Path):
    start_like_the_panel(LONG)
    pump_until(lambda: pump.current().job is not None)
    courier = pump.dispatcher()._courier._process
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert courier.poll() is not None
    assert not bpy.app.timers.is_registered(pump.tick)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
