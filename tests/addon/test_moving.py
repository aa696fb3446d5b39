"""Artists' work goes into their folder without loss: broken off anywhere, met by others, on another disk."""

import errno
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from blender_transpixar.core import moving
from blender_transpixar.core.catalogs import FILE_NAME, ensure_catalog
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.file_lock import FileLock
from blender_transpixar.core.history import History
from blender_transpixar.core.history_entry import Entry, EntryState, KeptClip
from blender_transpixar.core.moving import Move, Moved
from tests.addon.made_clips import NAME, write_clip

KEY = "0123456789abcdef" * 2


class Crash(BaseException):
    """Blender ends here."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The add-on's folder of an earlier version: two clips, a library, an entry of the history, and caches."""
    old = tmp_path / "blender/transpixar"
    write_clip(old / "clips")
    write_clip(old / "library")
    ensure_catalog(old / "library", "fire")
    (old / "library/notes.txt").write_text("mine")
    clip = KeptClip(1, str(old / "clips" / NAME))
    entry = Entry(KEY, "2026", "http://127.0.0.1:1", {"prompt": "fire"}, str(old / "clips"), clips=(clip,))
    History(old / "history").add(entry)
    (old / "history" / f"{KEY}.rgba").write_bytes(b"picture")
    (old / "log").mkdir()
    (old / "log/server.log").write_text("a log")
    return old


@pytest.fixture(params=["same disk", "another disk"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, old: Path) -> None:
    if request.param == "another disk":
        rename = Path.rename

        def across(self: Path, target: Path) -> Path:
            if self.is_relative_to(old) != Path(target).is_relative_to(old):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", across)


def move(old: Path, new: Path) -> Move:
    go = Move(old, new)
    assert all(go.steps())
    return go


def work_in(folder: Path) -> dict[str, bytes]:
    files = (path for kind in moving.KINDS for path in (folder / kind).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.suffix != ".lock"}


def assert_all_is_there(new: Path) -> None:
    assert Clip.open(new / "clips" / NAME) and Clip.open(new / "library" / NAME)
    assert (new / "library/notes.txt").read_text() == "mine"
    assert "TransPixar/Fire" in (new / "library" / FILE_NAME).read_text()
    entry = History(new / "history").load(KEY)
    assert entry is not None
    assert entry.destination == str(new / "clips")
    assert entry.clips[0].folder == str(new / "clips" / NAME)
    assert (new / "history" / f"{KEY}.rgba").read_bytes() == b"picture"


@pytest.mark.usefixtures("disk")
def test_all_work_is_moved_and_caches_stay(old: Path, tmp_path: Path):
    new = tmp_path / "home/TransPixar"
    assert move(old, new).error is None
    assert_all_is_there(new)
    assert not work_in(old)
    assert (old / "log/server.log").exists() and not (new / "log").exists()
    assert not Move(old, new).is_needed


@pytest.mark.usefixtures("disk")
def test_a_move_that_is_broken_off_at_any_moment_is_taken_up_again(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ends at the first change to the disk, in the next go at the second one, and so on."""
    new = tmp_path / "home/TransPixar"
    left = 0

    def crashing(function):
        def call(*arguments, **options):
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return function(*arguments, **options)

        return call

    for owner, name in [(Path, "rename"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (os, "fsync")]:
        monkeypatch.setattr(owner, name, crashing(getattr(owner, name)))
    before = None
    for go in itertools.count():
        left = go
        try:
            move(old, new)
        except Crash:
            left = -1
            everything = {*work_in(old).values(), *work_in(new).values()}
            before = before or everything
            # The entry and the catalogs are written anew; every picture, sidecar and note is in one of the two.
            assert len(before - everything) <= 2
            continue
        break
    left = -1
    assert go > 5
    assert_all_is_there(new)
    assert not work_in(old)
    assert sum("notes" in name for name in work_in(new)) == 1
    assert len(list((new / "clips").iterdir())) == 1


@pytest.mark.usefixtures("disk")
def test_what_has_the_same_name_there_is_kept_beside_it(old: Path, tmp_path: Path):
    new = tmp_path / "home/TransPixar"
    other = write_clip(new / "clips", count=2)
    (new / "library").mkdir()
    ensure_catalog(new / "library", "smoke")
    (new / "library/notes.txt").write_text("others")
    theirs = work_in(new)
    assert move(old, new).error is None
    after = work_in(new)
    assert {name: after[name] for name in theirs if FILE_NAME not in name} == {
        name: data for name, data in theirs.items() if FILE_NAME not in name
    }
    assert Clip.open(other).sidecar.frame_count == 2
    assert Clip.open(new / "clips" / f"{NAME}-2").sidecar.frame_count == 5
    assert (new / "library/notes-2.txt").read_text() == "mine"
    catalogs = (new / "library" / FILE_NAME).read_text()
    assert "TransPixar/Fire" in catalogs and "TransPixar/Smoke" in catalogs
    # The history and whoever else knows the old place find the right one of the two.
    entry = History(new / "history").load(KEY)
    assert entry is not None and entry.clips[0].folder == str(new / "clips" / f"{NAME}-2")
    assert Moved(new).now(old / "clips" / NAME / "0001.png") == new / "clips" / f"{NAME}-2/0001.png"


def test_what_is_there_already_is_not_kept_twice(old: Path, tmp_path: Path):
    """Blender copies its folder for a new version, with all that is in it."""
    new = tmp_path / "home/TransPixar"
    write_clip(new / "clips")
    assert move(old, new).error is None
    assert [path.name for path in (new / "clips").iterdir()] == [NAME]
    assert not work_in(old)


def test_an_entry_of_both_has_the_clips_of_both(old: Path, tmp_path: Path):
    new = tmp_path / "home/TransPixar"
    entry = History(old / "history").load(KEY)
    assert entry is not None
    History(new / "history").add(replace(entry, clips=(KeptClip(2, "/elsewhere"),), state=EntryState.DELIVERED))
    move(old, new)
    kept = History(new / "history").load(KEY)
    assert kept is not None
    assert [clip.folder for clip in kept.clips] == [str(new / "clips" / NAME), "/elsewhere"]
    assert kept.state is EntryState.DELIVERED


def test_two_blenders_do_not_move_at_once(old: Path, tmp_path: Path):
    new = tmp_path / "home/TransPixar"
    first, second = Move(old, new).steps(), Move(old, new).steps()
    assert next(first) is True
    assert next(second) is False
    assert list(first) and not work_in(old)
    assert list(second) == []
    assert_all_is_there(new)


def test_an_entry_that_a_blender_of_before_follows_is_left_to_it(old: Path, tmp_path: Path):
    new = tmp_path / "home/TransPixar"
    lock: FileLock = History(old / "history").follower(KEY)
    assert lock.try_acquire()
    move(old, new)
    assert History(old / "history").load(KEY) is not None
    lock.release()
    move(old, new)
    assert_all_is_there(new)


def test_what_is_being_written_is_no_work_yet(old: Path, tmp_path: Path):
    partial = old / "clips/.other.1234.part"
    partial.mkdir()
    move(old, tmp_path / "new")
    assert partial.exists() and not list((tmp_path / "new/clips").glob(".*"))


@pytest.mark.usefixtures("disk")
def test_a_place_that_cannot_be_written_to_loses_nothing_and_is_named(old: Path, tmp_path: Path):
    before = work_in(old)
    (tmp_path / "new").write_text("a file is in the way")
    go = move(old, tmp_path / "new")
    assert (
        go.error is not None
        and str(tmp_path / "new") in go.error.message
        and "they are still there" in go.error.message
    )
    assert work_in(old) == before


def test_one_piece_that_cannot_be_moved_does_not_keep_the_others(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rename = Path.rename

    def stubborn(self: Path, target: Path) -> Path:
        if self == old / "clips" / NAME:
            raise PermissionError(errno.EACCES, "The file is in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    go = move(old, tmp_path / "new")
    assert go.error is not None and "The file is in use" in go.error.message
    assert Clip.open(old / "clips" / NAME) and Clip.open(tmp_path / "new/library" / NAME)


def test_a_copy_that_is_not_the_same_removes_nothing(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def across(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", across)
    monkeypatch.setattr(moving.shutil, "copy2", lambda source, copy: Path(copy).write_bytes(b"broken"))
    before = work_in(old)
    go = move(old, tmp_path / "new")
    assert go.error is not None and "not the same" in go.error.message
    assert {name: data for name, data in before.items() if "history" not in name and FILE_NAME not in name}.items() <= (
        work_in(old).items()
    )


def test_a_folder_inside_of_the_old_one_is_not_moved_into(old: Path):
    assert not Move(old, old).is_needed
    assert not Move(old, old / "mine").is_needed


def test_a_record_that_cannot_be_read_says_nothing(tmp_path: Path):
    (tmp_path / ".moved.json").write_text(json.dumps({"moved": 3}))
    assert not Moved(tmp_path)
    assert Moved(tmp_path).now(tmp_path / "clips/a") == tmp_path / "clips/a"
