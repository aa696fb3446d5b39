"""The history on disk: whole after every kill, deaf to strangers' files."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_transpixar.core import history as history_module
from blender_transpixar.core import saving
from blender_transpixar.core.errors import FolderNotWritableError, TransPixarError
from blender_transpixar.core.file_lock import FileLock
from blender_transpixar.core.history import History
from blender_transpixar.core.history_entry import Entry, EntryState, KeptClip
from tests.addon.real_server import REPOSITORY

KEYS = ("0" * 32, "ab" * 16)
ENTRY = Entry(KEYS[0], "2026-01-31T12:00:00.000+00:00", "http://127.0.0.1:8420", {"prompt": "fire"}, "clips")


def entries_of(history: History) -> dict[str, Entry]:
    return {found.key: found for found in history.load_each() if isinstance(found, Entry)}


def unreadable_of(history: History) -> list[str]:
    return [found for found in history.load_each() if isinstance(found, str)]


clips = st.builds(KeptClip, st.integers(1, 9), st.text(), st.none() | st.integers(0, 2**31 - 1), st.booleans())
entries = st.builds(
    Entry,
    st.sampled_from(KEYS),
    st.text(),
    st.text(),
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()),
    st.text(),
    state=st.sampled_from(EntryState),
    job=st.none() | st.text(),
    clips=st.lists(clips).map(tuple),
    error=st.none() | st.dictionaries(st.text(), st.text()),
    warnings=st.lists(st.text()).map(tuple),
    first_frame_file=st.none() | st.text(),
    blend_file=st.text(),
    preview=st.none() | st.tuples(st.integers(1), st.integers(1)),
)


@given(entries)
def test_every_entry_survives_its_file(entry: Entry):
    assert Entry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_else_is_a_value_error(data: Any):
    with pytest.raises(ValueError):
        Entry.from_json(data)


@given(st.sampled_from(sorted(ENTRY.to_json())), st.none() | st.integers() | st.lists(st.integers()) | st.text())
def test_one_wrong_field_is_an_entry_or_a_value_error(field: str, value: Any):
    try:
        entry = Entry.from_json(ENTRY.to_json() | {field: value})
    except ValueError:
        return
    assert entry.key == ENTRY.key or field == "key"


# --- killed at any point ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone; nothing of it does anything any more."""


@contextmanager
def killed_at(point: int) -> Iterator[None]:
    """Let everything that touches the disk die at the `point`th chance, and stay dead."""
    left = [point]

    def chance() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    def write_synced(path: Path, data: bytes) -> None:
        chance()
        path.write_bytes(data[: len(data) // 2])
        chance()
        path.write_bytes(data)
        chance()

    def mortal(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            chance()
            done = method(*arguments, **options)
            chance()
            return done

        return call

    with (
        mock.patch.object(saving, "write_synced", write_synced),
        mock.patch.object(saving, "sync_folder", mortal(saving.sync_folder)),
        mock.patch.object(history_module, "sync_folder", mortal(history_module.sync_folder)),
        mock.patch.object(Path, "replace", mortal(Path.replace)),
        mock.patch.object(Path, "unlink", mortal(Path.unlink)),
    ):
        yield


STEPS: dict[str, Callable[[History], Any]] = {
    "add": lambda history: history.add(ENTRY),
    "add another": lambda history: history.add(replace(ENTRY, key=KEYS[1])),
    "accepted": lambda history: history.change(ENTRY.key, job="12" * 16),
    "a clip": lambda history: history.keep_clip(ENTRY.key, KeptClip(1, "clips/fire_7_12121212", 7)),
    "another clip": lambda history: history.keep_clip(ENTRY.key, KeptClip(2, "clips/fire_8_12121212", 8)),
    "placed": lambda history: history.mark_placed(ENTRY.key, 1),
    "delivered": lambda history: history.change(ENTRY.key, state=EntryState.DELIVERED),
    "remove": lambda history: history.remove(ENTRY.key),
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6), st.sampled_from(sorted(STEPS)), st.integers(0, 12))
def test_a_kill_leaves_what_was_before_or_what_was_to_be(before: list[str], step: str, point: int):
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / "history")
        for each in before:
            STEPS[each](history)
        was = entries_of(history)
        died = False
        try:
            with killed_at(point):
                STEPS[step](history)
        except Killed:
            died = True
        is_now = entries_of(history)
        assert unreadable_of(history) == []
        STEPS[step](history)
        to_be = entries_of(history)
        assert is_now in (was, to_be)
        assert died or is_now == to_be


# --- other files, other processes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.json", b'{"shopping": ["milk"]}'),
        (f"{KEYS[1]}.json", b'{"format": "transpixar-his'),
        (f"{KEYS[1]}.json", json.dumps(ENTRY.to_json()).encode()),
        ("deep.json", b"[" * 100_000),
        ("text.json", b"\xff\xfe\x00"),
    ],
)
def test_damaged_and_foreign_files_are_named_and_left_alone(tmp_path: Path, name: str, data: bytes):
    history = History(tmp_path)
    history.add(ENTRY)
    (tmp_path / name).write_bytes(data)
    assert entries_of(history) == {ENTRY.key: ENTRY}
    assert unreadable_of(history) == [name]
    assert (tmp_path / name).read_bytes() == data


def test_a_folder_that_is_not_there_is_an_empty_history(tmp_path: Path):
    assert list(History(tmp_path / "nowhere").load_each()) == []
    assert not (tmp_path / "nowhere").exists()


def test_what_was_removed_does_not_come_back(tmp_path: Path):
    history = History(tmp_path)
    history.add(ENTRY)
    history.remove(ENTRY.key)
    assert history.change(ENTRY.key, job="x") is None
    assert history.keep_clip(ENTRY.key, KeptClip(1, "clips/fire")) is None
    assert entries_of(history) == {}


def test_a_clip_that_was_placed_stays_placed(tmp_path: Path):
    history = History(tmp_path)
    history.add(ENTRY)
    history.keep_clip(ENTRY.key, KeptClip(1, "here"))
    history.mark_placed(ENTRY.key, 1)
    entry = history.keep_clip(ENTRY.key, KeptClip(1, "there"))
    assert entry.clips == (KeptClip(1, "there", placed=True),)
    assert entry.unplaced == ()


def test_a_name_that_reaches_out_of_the_folder_is_refused(tmp_path: Path):
    with pytest.raises(TransPixarError):
        History(tmp_path).remove("../../precious")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotWritableError, match="Choose"):
        History(tmp_path / "file" / "history").add(ENTRY)


def test_a_lock_is_seen_by_other_processes_and_ends_with_its_holder(tmp_path: Path):
    code = (
        "import pathlib, sys; from blender_transpixar.core.file_lock import FileLock as F; "
        "print(F(pathlib.Path(sys.argv[1])).try_acquire(), flush=True); sys.stdin.read()"
    )
    lock = FileLock(tmp_path / "lock")
    command = [sys.executable, "-c", code, tmp_path / "lock"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline().strip() == b"True"
        assert not lock.try_acquire()
        holder.kill()
        holder.wait()
    assert lock.try_acquire()
    lock.release()


def test_two_writers_lose_nothing(tmp_path: Path):
    History(tmp_path).add(ENTRY)
    code = (
        "import pathlib, sys; from blender_transpixar.core.history import History; "
        "from blender_transpixar.core.history_entry import KeptClip; "
        "[History(pathlib.Path(sys.argv[1])).keep_clip('0' * 32, KeptClip(n, 'x')) for n in range(1, 40)]"
    )
    history = History(tmp_path)
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=REPOSITORY) as other:
        for number in range(41, 80):
            history.keep_clip(ENTRY.key, KeptClip(number, "y"))
    assert other.returncode == 0
    assert len(history.load(ENTRY.key).clips) == 78
