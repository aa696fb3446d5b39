"""Drawing asks memory only: what lies on a disk, perhaps a slow one on a network, is looked at by the timer."""

import builtins
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_transpixar import registration
from blender_transpixar.bl import clip_queue, known_clips, known_models, previews, pump, server, server_child
from blender_transpixar.bl.shown_clips import showing_on
from blender_transpixar.core.history_entry import Entry, EntryState, KeptClip, now
from blender_transpixar.ui.sections import Section
from tests.addon.made_clips import JOB, write_clip
from tests.blender.recorded_layout import RecordedLayout
from tests.blender.tested_package import PACKAGE

OLD_CLIPS = 30


class Beside:
    """Something of Blender's with a few attributes put in their place."""

    def __init__(self, real: object, **instead: object) -> None:
        self._real = real
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.fixture(autouse=True)
def in_a_window(blender: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules that hold with a window, where a timer runs; the test ticks by hand."""
    monkeypatch.setattr(known_clips, "bpy", Beside(bpy, app=Beside(bpy.app, background=False)))
    shutil.rmtree(clip_queue.history().folder, ignore_errors=True)


@pytest.fixture
def touches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was asked of the disk under the test's folders, and which pictures were read."""
    seen: list[str] = []

    def watched(real: Callable[..., object]) -> Callable[..., object]:
        def call(path: object, *rest: object, **how: object) -> object:
            if isinstance(path, str | os.PathLike) and Path(path).suffix not in (".py", ".pyc"):
                seen.append(f"{real.__name__} {path}")
            return real(path, *rest, **how)

        return call

    for module, name in ((os, "stat"), (os, "scandir"), (os, "listdir"), (builtins, "open"), (io, "open")):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))
    monkeypatch.setattr(np, "fromfile", watched(np.fromfile))
    yield seen


def draw_all() -> RecordedLayout:
    """Draw every section of the 3D viewport's sidebar, as one redraw does."""
    layout = RecordedLayout()
    preferences = Beside(bpy.context.preferences, system=SimpleNamespace(ui_scale=1.0))
    context = Beside(bpy.context, region=SimpleNamespace(width=300), preferences=preferences)
    for cls in registration._CLASSES:
        if issubclass(cls, Section) and cls.bl_space_type == "VIEW_3D":
            cls.draw(SimpleNamespace(layout=layout), context)
    return layout


def settle() -> None:
    """Let the timer look at everything that was asked for."""
    deadline = time.monotonic() + 60
    while known_clips._wanted or previews._wanted:
        assert time.monotonic() < deadline
        pump.tick()


@pytest.fixture
def full_file(tmp_path: Path) -> Path:
    """A file with four clips, and a queue with many; returns the folder of the first clip."""
    folders = [write_clip(tmp_path / str(number)) for number in range(4)]
    for folder in folders:
        assert bpy.ops.transpixar.place_plane(filepath=str(folder)) == {"FINISHED"}
    entry = Entry("0" * 32, now(), "http://127.0.0.1:9", {"prompt": "test effect"}, str(tmp_path))
    kept = KeptClip(1, str(folders[0]), 7)
    for number in range(OLD_CLIPS):
        key = f"{number:032x}"
        made = replace(entry, key=key, state=EntryState.DELIVERED, job=JOB, clips=(kept,), preview=(64, 64))
        clip_queue.history().add(made)
        clip_queue.history().picture_path(key).write_bytes(bytes(64 * 64 * 4))
    clip_queue.read_now()
    known_clips.forget()
    return folders[0]


def test_no_redraw_touches_the_disk(full_file: Path, touches: list[str]):
    server.state()
    server_child.has_log()
    touches.clear()
    draw_all()
    assert touches == []
    settle()
    touches.clear()
    layout = draw_all()
    assert touches == []
    assert any("test-effect" in label for label in layout.labels)


def test_old_pictures_come_a_few_at_a_tick_and_are_read_once(full_file: Path, touches: list[str]):
    draw_all()
    assert len(previews._wanted) == OLD_CLIPS
    assert previews._shown == {}
    settle()
    assert len(previews._shown) == OLD_CLIPS
    touches.clear()
    draw_all()
    settle()
    assert not any(".rgba" in touch for touch in touches)


def test_a_picture_that_is_gone_is_asked_for_once(full_file: Path, touches: list[str]):
    gone = clip_queue.history().picture_path("0" * 32)
    gone.unlink()
    for _ in range(3):
        draw_all()
        settle()
    assert touches.count(f"fromfile {gone}") == 1


def test_a_clip_that_goes_or_comes_back_is_noticed_by_the_timer(full_file: Path, monkeypatch: pytest.MonkeyPatch):
    plane = bpy.data.objects[0]
    while showing_on(plane).clip.folder != full_file:
        plane = bpy.data.objects[list(bpy.data.objects).index(plane) + 1]
    redrawn: list[int] = []
    monkeypatch.setattr(pump, "redraw", lambda: redrawn.append(1))
    monkeypatch.setattr(known_clips, "FRESH_S", 0.0)
    shutil.move(full_file, full_file.with_name("away"))
    with known_clips.drawing():
        assert showing_on(plane) is not None
    settle()
    assert redrawn
    with known_clips.drawing():
        assert showing_on(plane) is None
    shutil.move(full_file.with_name("away"), full_file)
    assert showing_on(plane) is not None, "operators look themselves"


def test_what_is_known_is_forgotten_with_the_file_and_with_the_add_on(full_file: Path):
    draw_all()
    settle()
    assert known_clips._known and previews._shown
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not known_clips._known
    assert showing_on(bpy.context.object) is None
    known_clips.clip_in(full_file)
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    try:
        assert not known_clips._known and not known_clips._wanted and not previews._shown
        assert known_models._last_known == ("", ()) and server._judged is None
    finally:
        bpy.ops.preferences.addon_enable(module=PACKAGE)


def test_the_state_of_the_server_is_judged_once_a_redraw(full_file: Path, monkeypatch: pytest.MonkeyPatch):
    judged: list[object] = []
    polled: list[object] = []
    judge, take_news = server.judge, server_child.take_news
    monkeypatch.setattr(server, "judge", lambda facts: judged.append(facts) or judge(facts))
    monkeypatch.setattr(server_child, "take_news", lambda: polled.append(1) or take_news())
    draw_all()
    assert bpy.context.scene.transpixar.seconds == 0
    assert len(judged) == 1
    assert len(polled) <= 2, "ten times before; a redraw takes less than two intervals"
    draw_all()
    assert len(judged) == 1, "nothing new is known"


def test_what_becomes_known_between_redraws_is_judged(preferences):
    before = server.state()
    preferences.server_address = "127.0.0.1:1"
    assert server.state().url != before.url
    preferences.server_address = "no address"
    assert server.state().condition is server.Condition.BAD_ADDRESS
