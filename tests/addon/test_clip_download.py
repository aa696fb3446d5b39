import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.download import check_destination, download_clip
from blender_transpixar.core.errors import DiskFullError, DownloadError, FolderNotWritableError, InvalidClipError
from blender_transpixar.core.job import JobClip
from tests.addon.made_clips import JOB, NAME, frames_of, sidecar_for

FRAMES = frames_of(3)
DONE = JobClip(1, NAME, "test-effect.transpixar")


class Source:
    """A server's answers, given by hand."""

    def __init__(self, sent: Callable[[int, int], bytes] = lambda number, attempt: FRAMES[number - 1], **changes):
        self._sent = sent
        self._changes = changes
        self.asked: list[int] = []

    def sidecar(self, job_id: str, clip: int) -> bytes:
        return json.dumps(sidecar_for(FRAMES, **self._changes)).encode()

    def frame(self, job_id: str, clip: int, number: int) -> bytes:
        self.asked.append(number)
        return self._sent(number, self.asked.count(number))


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_clip_arrives_whole_under_its_name(tmp_path: Path):
    seen = []
    folder = download_clip(Source(), JOB, DONE, tmp_path / "clips", lambda done, of: seen.append((done, of)))
    assert folder == tmp_path / "clips" / NAME
    assert Clip.open(folder).sidecar.frame_count == 3
    assert (folder / "0002.png").read_bytes() == FRAMES[1]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert left_behind(tmp_path / "clips") == [NAME]


def test_a_clip_that_is_there_already_is_not_fetched_again(tmp_path: Path):
    folder = download_clip(Source(), JOB, DONE, tmp_path)
    again = Source()
    assert download_clip(again, JOB, DONE, tmp_path) == folder
    assert again.asked == []


def test_another_folder_of_the_same_name_is_never_overwritten(tmp_path: Path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "mine.txt").write_text("precious")
    folder = download_clip(Source(), JOB, DONE, tmp_path)
    assert folder.name == f"{NAME}-2"
    assert (tmp_path / NAME / "mine.txt").read_text() == "precious"


def test_one_damaged_transfer_is_repeated(tmp_path: Path):
    source = Source(lambda number, attempt: b"noise" if attempt == 1 else FRAMES[number - 1])
    Clip.open(download_clip(source, JOB, DONE, tmp_path))
    assert source.asked == [1, 1, 2, 2, 3, 3]


def test_lasting_damage_saves_nothing(tmp_path: Path):
    source = Source(lambda number, attempt: b"noise" if number == 2 else FRAMES[number - 1])
    with pytest.raises(DownloadError, match="Frame 2 of the clip does not match"):
        download_clip(source, JOB, DONE, tmp_path)
    assert left_behind(tmp_path) == []


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match="Free some space, or choose a clip folder"):
        download_clip(Source(), JOB, DONE, tmp_path)
    assert left_behind(tmp_path) == []


def test_a_destination_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "clips").write_text("a file, not a folder")
    with pytest.raises(FolderNotWritableError, match="Choose a clip folder you can write to"):
        download_clip(Source(), JOB, DONE, tmp_path / "clips")
    with pytest.raises(FolderNotWritableError, match="is not a folder"):
        check_destination(tmp_path / "clips/deeper")


def test_checking_a_destination_creates_nothing(tmp_path: Path):
    check_destination(tmp_path / "clips/deeper")
    assert left_behind(tmp_path) == []


def test_stopping_in_the_middle_leaves_nothing(tmp_path: Path):
    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_clip(Source(), JOB, DONE, tmp_path, stop)
    assert left_behind(tmp_path) == []


def test_a_server_cannot_write_outside_of_the_clip_folder(tmp_path: Path):
    clip = JobClip(1, "../../elsewhere", "x.transpixar")
    with pytest.raises(InvalidClipError, match="cannot be a file name"):
        download_clip(Source(), JOB, clip, tmp_path / "clips")
    with pytest.raises(InvalidClipError, match="damaged"):
        download_clip(Source(pattern="../%04d.png"), JOB, DONE, tmp_path / "clips")
