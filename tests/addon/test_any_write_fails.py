"""Whatever the add-on lays on the disk, where one of its writes fails or ends the process: whole, or not there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blender_transpixar.core.catalogs import ensure_catalog
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.content import save_clip, save_file, save_folder
from blender_transpixar.core.errors import TransPixarError
from blender_transpixar.core.history import History
from blender_transpixar.core.history_entry import Entry, EntryState
from blender_transpixar.core.library import bring_in
from blender_transpixar.core.moving import Move
from tests.addon.made_clips import NAME, write_clip
from tests.addon.test_content import body, clip_files, ignore, zipped
from tests.failing_disk import contents, deaths, refusals

KEY = "ab" * 16
ENTRY = Entry(KEY, "2026-01-31T12:00:00.000+00:00", "http://127.0.0.1:8420", {"prompt": "fire"}, "clips")
ZIP = zipped(clip_files())

TRIALS = [refusals] if sys.platform == "win32" else [refusals, deaths]
# What writes into a folder, beside the clip of an artist's that it may read.
WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "exported file": lambda clip, out: save_file(body(b"movie" * 500), out / "clip.mov", ignore),
    "exported folder": lambda clip, out: save_folder(body(ZIP), out / "frames", ignore),
    "finished clip": lambda clip, out: save_clip(body(ZIP), out, ignore),
    "library": lambda clip, out: bring_in(Clip.open(clip), out),
    "catalog": lambda clip, out: ensure_catalog(out, "fire"),
    "history": lambda clip, out: History(out).add(ENTRY),
}


def made(folder: Path) -> dict[str, bytes]:
    return {
        name: data
        for name, data in contents(folder).items()
        if not any(part[0] == "." for part in Path(name).parts) and not name.endswith(".lock")
    }


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "artist", count=2)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("trials", TRIALS)
def test_nothing_is_there_by_half(name: str, trials: Callable[..., object], clip: Path, tmp_path: Path) -> None:
    mine, number = contents(clip), 0

    def fresh() -> Path:
        nonlocal number
        number += 1
        return tmp_path / f"out{number}"

    whole = fresh()
    whole.mkdir()
    WRITERS[name](clip, whole)
    expected = made(whole)
    assert expected
    places = [fresh()]
    places[0].mkdir()
    errors = () if trials is deaths else ((OSError, TransPixarError),)
    tried = 0
    for tried in trials(lambda: WRITERS[name](clip, places[-1]), *errors):
        out = places[-1]
        found = made(out)
        # A catalog has an id of its own each time.
        assert found in ({}, expected) or (name == "catalog" and found.keys() == expected.keys()), (tried, found.keys())
        if trials is refusals:
            assert not [path for path in out.iterdir() if path.name.startswith(".")], tried
        assert contents(clip) == mine
        places.append(fresh())
        places[-1].mkdir()
    assert tried >= 2


def test_an_entry_is_as_before_or_as_after(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(ENTRY)
    states = set()
    for _ in refusals(lambda: history.change(KEY, state=EntryState.DELIVERED), (TransPixarError,)):
        entry = history.load(KEY)
        assert entry is not None
        states.add(entry.state)
        history.change(KEY, state=ENTRY.state)
    assert states <= {ENTRY.state, EntryState.DELIVERED} and ENTRY.state in states


@pytest.mark.parametrize("trials", TRIALS)
def test_moving_loses_nothing(trials: Callable[..., object], tmp_path: Path) -> None:
    number = 0

    def places() -> tuple[Path, Path]:
        nonlocal number
        number += 1
        old, new = tmp_path / f"old{number}", tmp_path / f"new{number}"
        write_clip(old / "clips", count=2)
        History(old / "history").add(ENTRY)
        return old, new

    used = [places()]
    frames = {Path(name).name: data for name, data in contents(used[0][0] / "clips").items()}
    errors = () if trials is deaths else ((OSError, TransPixarError),)
    for _ in trials(lambda: list(Move(*used[-1]).steps()), *errors):
        old, new = used[-1]
        assert all(Move(old, new).steps())
        clip = Clip.open(new / "clips" / NAME)
        assert {path.name: path.read_bytes() for path in clip.folder.iterdir()} == frames
        assert History(new / "history").load(KEY) is not None
        used.append(places())
    assert len(used) > 3
