"""The queue in real Blender: several at once, other files, the next session, and what the buttons do."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
import requests

from blender_transpixar.bl import clip_queue, previews, pump
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.target import Target
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.generation import Generation
from blender_transpixar.core.history_entry import Entry, EntryState, KeptClip, now
from blender_transpixar.core.request import ClipRequest
from blender_transpixar.core.wish import Wish
from blender_transpixar.ui.queue_panel import QueueSection
from tests.addon.made_clips import JOB, write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.recorded_layout import RecordedLayout
from tests.blender.tested_package import PACKAGE

SHORT = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
LONG = ClipRequest("orange smoke", seed=7, width=64, height=64, num_frames=9, steps=100, model=MODEL_NAME)


@pytest.fixture(autouse=True)
def empty_history(blender: None):
    """Tests share one user folder, as the sessions of one artist do."""
    shutil.rmtree(clip_queue.history().folder, ignore_errors=True)


def pump_until(reached: Callable[[], bool]) -> None:
    """Timers never fire in background mode, so the test ticks by hand."""
    deadline = time.monotonic() + 300
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        pump.tick()
        time.sleep(0.01)


def press_generate(request: ClipRequest = SHORT) -> Generation:
    """What the Generate button does; in background mode Blender would call execute instead of invoke."""
    return clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context))


def wish_of(generation: Generation) -> Wish:
    wish = clip_queue.find(generation.key)
    assert wish is not None
    return wish


def next_session() -> None:
    """End the add-on as Blender's end does, and begin anew with another file."""
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.preferences.addon_enable(module=PACKAGE)


class QueueLayout(RecordedLayout):
    """Also what only the queue draws."""

    def panel(self, name: str, default_closed: bool) -> tuple["QueueLayout", "QueueLayout"]:
        return self, self


def drawn_queue(layout: QueueLayout | None = None) -> QueueLayout:
    layout = layout or QueueLayout()
    # In background mode there is no region, and the interface's scale is 0.
    system = SimpleNamespace(ui_scale=1.0)
    context = SimpleNamespace(preferences=SimpleNamespace(system=system), region=SimpleNamespace(width=300))
    QueueSection.draw(SimpleNamespace(layout=layout), context)
    return layout


def entry_of(clip: Path, **changes: object) -> Entry:
    """An entry of an earlier session, whose clip came and was never placed."""
    entry = Entry("cd" * 16, now(), "http://127.0.0.1:9", {"prompt": "test effect"}, str(clip.parent))
    kept = (KeptClip(1, str(clip), 7),)
    return replace(entry, **{"state": EntryState.DELIVERED, "job": JOB, "clips": kept, **changes})


def test_registering_touches_neither_the_disk_nor_the_server(blender: None):
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert not clip_queue.history().folder.exists()
    assert pump._dispatcher is None
    assert "Clips that you generate are listed here" in drawn_queue().labels


def test_generate_may_be_pressed_again_while_a_clip_is_made(connected: Path):
    bpy.context.scene.cursor.location = (1.0, 0.0, 0.0)
    first = press_generate(replace(LONG, prompt="orange smoke", steps=20))
    bpy.context.scene.cursor.location = (2.0, 0.0, 0.0)
    second = press_generate(replace(SHORT, prompt="blue sparks"))
    assert bpy.ops.transpixar.generate.poll()
    assert [wish.key for wish in clip_queue.wishes()] == [second.key, first.key]
    header = QueueLayout()
    QueueSection.draw_header(SimpleNamespace(layout=header), bpy.context)
    assert header.labels == ["2"]
    drawn = drawn_queue()
    assert drawn.operators.count("transpixar.cancel") == 2
    assert {"orange smoke", "blue sparks"} <= set(drawn.labels)
    pump_until(lambda: not pump.is_busy())
    assert {name: plane.location.x for name, plane in bpy.context.scene.objects.items()} == {
        "orange-smoke": 1.0,
        "blue-sparks": 2.0,
    }
    assert [wish.phase for wish in clip_queue.wishes()] == ["Done", "Done"]
    drawn = drawn_queue()
    assert drawn.operators.count("transpixar.place_from_queue") == 2
    assert "transpixar.cancel" not in drawn.operators


def test_each_variation_can_be_placed_the_first_one_is(connected: Path):
    generation = press_generate(replace(SHORT, num_clips=2))
    pump_until(lambda: not pump.is_busy())
    entry = wish_of(generation).entry
    assert [(clip.seed, clip.placed) for clip in entry.clips] == [(7, True), (8, False)]
    assert {"Place 1", "Place 2"} <= set(texts_of_buttons())
    assert bpy.ops.transpixar.place_from_queue(key=entry.key) == {"FINISHED"}
    assert [clip.placed for clip in clip_queue.history().load(entry.key).clips] == [True, True]
    assert len(bpy.context.scene.objects) == 2


def texts_of_buttons() -> list[str]:
    texts = []

    class Texts(QueueLayout):
        def operator(self, name: str, text: str = "", icon: str = "NONE", translate: bool = True) -> SimpleNamespace:
            texts.append(text)
            return super().operator(name, text, icon, translate)

    drawn_queue(Texts())
    return texts


def test_a_clip_outlives_its_file_and_its_session_and_is_offered_not_placed(connected: Path, preferences, server):
    address, folder = preferences.server_address, preferences.clip_folder
    generation = press_generate(LONG)
    pump_until(lambda: generation.job is not None and generation.job.step > 2)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    pump.tick()
    assert not generation.finished
    next_session()
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.server_address, chosen.clip_folder = address, folder
    assert clip_queue.wishes() == []
    # Drawing asks for the history; the timer reads it and takes up what is open.
    drawn_queue()
    pump_until(lambda: clip_queue.find(generation.key) is not None)
    wish = wish_of(generation)
    # It is known before it is taken up, when reading the history takes more than one tick.
    pump_until(lambda: wish.is_settled and wish.state is not EntryState.OPEN)
    assert (wish.phase, wish.problem) == ("Not placed yet", "")
    clip = Clip.open(Path(wish.clips[0].folder))
    assert clip.folder.parent == connected
    assert clip.sidecar.job == generation.job.id
    assert len(bpy.context.scene.objects) == 0
    assert pump.current() is None
    assert bpy.ops.transpixar.place_from_queue(key=wish.key) == {"FINISHED"}
    assert len(bpy.context.scene.objects) == 1
    next_session()
    clip_queue.read_now()
    assert [wish.phase for wish in clip_queue.wishes()] == ["Done"]


def test_a_killed_courier_is_replaced_and_nobody_notices(connected: Path):
    generation = press_generate(LONG)
    pump_until(lambda: generation.job is not None and generation.job.step > 2)
    os.kill(pump.dispatcher().courier_pid, signal.SIGKILL)
    pump_until(lambda: not pump.is_busy())
    wish = wish_of(generation)
    assert wish.generation is not generation
    assert (wish.phase, wish.problem) == ("Done", "")
    assert wish.generation.job.id == generation.job.id
    assert len(bpy.context.scene.objects) == 1


def test_without_a_server_a_wish_waits_and_can_be_cancelled(preferences):
    preferences.server_address = "127.0.0.1:9"
    generation = press_generate()
    pump_until(lambda: generation.reconnecting)
    wish = wish_of(generation)
    assert wish.phase == "Waiting for the server"
    assert "Start it with" in " ".join(drawn_queue().labels)
    assert bpy.ops.transpixar.cancel(key=wish.key) == {"FINISHED"}
    pump_until(lambda: not pump.is_busy())
    assert wish.phase == "Cancelled"
    assert "transpixar.retry_clip" in drawn_queue().operators


def test_retry_makes_a_refused_clip_again_as_another_wish(connected: Path):
    generation = press_generate(replace(SHORT, model="nobody"))
    pump_until(lambda: not pump.is_busy())
    wish = wish_of(generation)
    assert wish.phase == "Failed" and "nobody" in wish.problem
    wish.entry = replace(wish.entry, request=SHORT.to_json())
    assert bpy.ops.transpixar.retry_clip(key=wish.key) == {"FINISHED"}
    pump_until(lambda: not pump.is_busy())
    assert [wish.phase for wish in clip_queue.wishes()] == ["Done", "Failed"]
    assert len(bpy.context.scene.objects) == 1


def test_settings_are_taken_over_with_the_seed_that_was_drawn(blender: None, tmp_path: Path):
    request = {"prompt": "green fire", "width": 64, "height": 32, "quality": "fast", "guidance": 3.5, "loop": True}
    request["clean_up"] = False
    gone = str(tmp_path / "gone.png")
    clip_queue.history().add(entry_of(write_clip(tmp_path), request=request, first_frame_file=gone))
    settings = bpy.context.scene.transpixar
    settings.num_frames, settings.model = 17, "other"
    assert bpy.ops.transpixar.reuse_settings() == {"FINISHED"}
    assert (settings.prompt, settings.seed, settings.width, settings.height) == ("green fire", 7, 64, 32)
    assert (settings.num_frames, settings.model, settings.quality, settings.loop) == (0, "", "FAST", True)
    assert not settings.clean_up
    assert settings.guidance == 3.5
    assert settings.first_frame_source == "NONE"


@pytest.mark.parametrize("with_clips", [False, True])
def test_deleting_asks_for_the_frames_and_tells_the_server(connected: Path, server, with_clips: bool):
    generation = press_generate()
    pump_until(lambda: not pump.is_busy())
    key, folder = generation.key, generation.folder
    url = f"{server.url}/v1/videos/{generation.job.id}"
    assert requests.get(url).status_code == 200
    assert bpy.ops.transpixar.delete_from_queue(key=key, with_clips=with_clips) == {"FINISHED"}
    assert clip_queue.find(key) is None
    assert clip_queue.history().load(key) is None
    pump_until(lambda: requests.get(url).status_code == 404)
    assert folder.exists() is not with_clips


def test_what_is_being_made_is_not_deleted(connected: Path):
    generation = press_generate(LONG)
    with pytest.raises(RuntimeError, match="cancel it first"):
        bpy.ops.transpixar.delete_from_queue(key=generation.key)
    bpy.ops.transpixar.cancel(key=generation.key)
    pump_until(lambda: not pump.is_busy())


def test_older_clips_stay_reachable_and_strange_files_are_named(blender: None, tmp_path: Path):
    clip = write_clip(tmp_path)
    for number in range(7):
        clip_queue.history().add(entry_of(clip, key=f"{number:032x}", created_at=f"2026-01-0{number + 1}T12:00:00"))
    strange = clip_queue.history().folder / "strange.json"
    strange.write_text("{}")
    clip_queue.read_now()
    assert [wish.entry.created_at[9] for wish in clip_queue.wishes()] == list("7654321")
    drawn = drawn_queue()
    assert drawn.operators.count("transpixar.place_from_queue") == 7
    assert "strange.json" in " ".join(drawn.labels)
    assert strange.read_text() == "{}"


def test_a_clip_that_was_moved_away_is_a_sentence(blender: None, tmp_path: Path):
    clip_queue.history().add(entry_of(tmp_path / "gone"))
    for name in ("place_from_queue", "show_clip_folder"):
        with pytest.raises(RuntimeError, match="gone") as caught:
            getattr(bpy.ops.transpixar, name)()
        assert "Traceback" not in str(caught.value)


def test_the_picture_of_an_earlier_session_is_shown_again(blender: None, tmp_path: Path):
    entry = entry_of(write_clip(tmp_path), preview=(4, 2))
    clip_queue.history().add(entry)
    clip_queue.history().picture_path(entry.key).write_bytes(bytes(range(32)))
    clip_queue.read_now()
    wish = clip_queue.wishes()[0]
    picture = previews.picture_of(wish.preview(clip_queue.history().picture_path(wish.key)))
    assert tuple(picture.image_size) == (4, 2)
