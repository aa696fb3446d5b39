"""What arrives is kept whole and checked, or not at all."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.content import Content, save_clip, save_file, save_folder
from blender_transpixar.core.errors import DownloadError, FolderNotWritableError, InvalidClipError
from tests.addon.made_clips import NAME, frames_of, sidecar_for

FRAMES = frames_of(3)
FINISHED = f"{NAME}_finished-0a1b2c3d"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def clip_files(folder: str = f"{FINISHED}/", **changes) -> dict[str, bytes]:
    frames = {f"{folder}{number:04d}.png": frame for number, frame in enumerate(FRAMES, start=1)}
    return frames | {f"{folder}test-effect.transpixar": json.dumps(sidecar_for(FRAMES, **changes)).encode()}


def body(data: bytes, size: int | None = None, name: str | None = None) -> Content:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]

    return Content(pieces(), len(data) if size is None else size, name)


def ignore(done: int, of: int | None) -> None:
    pass


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_clip_arrives_under_the_servers_name(tmp_path: Path):
    seen: list[int] = []
    folder = save_clip(body(zipped(clip_files())), tmp_path, lambda done, of: seen.append(done))
    assert folder == tmp_path / FINISHED
    assert Clip.open(folder).sidecar.frame_count == 3
    assert left_behind(tmp_path) == [FINISHED]
    assert seen == sorted(seen) and seen[-1] > 1000


def test_a_zip_without_a_folder_takes_its_own_name(tmp_path: Path):
    assert save_clip(body(zipped(clip_files("")), name="mine"), tmp_path, ignore) == tmp_path / "mine"


def test_the_same_finished_clip_is_kept_and_another_one_gets_a_number(tmp_path: Path):
    first = save_clip(body(zipped(clip_files())), tmp_path, ignore)
    assert save_clip(body(zipped(clip_files())), tmp_path, ignore) == first
    other = zipped(clip_files(finishing={"steps": [{"step": "reverse"}]}))
    assert save_clip(body(other), tmp_path, ignore).name == f"{FINISHED}-2"
    assert left_behind(tmp_path) == [FINISHED, f"{FINISHED}-2"]


def test_a_frame_that_does_not_match_its_checksum_saves_nothing(tmp_path: Path):
    files = clip_files(sha256={f"{n:04d}.png": hashlib.sha256(b"other").hexdigest() for n in (1, 2, 3)})
    with pytest.raises(DownloadError, match=r"0001\.png .* does not match its checksum"):
        save_clip(body(zipped(files)), tmp_path, ignore)
    assert left_behind(tmp_path) == []


def test_a_zip_that_is_no_clip_saves_nothing(tmp_path: Path):
    with pytest.raises(InvalidClipError):
        save_clip(body(zipped({"0001.png": FRAMES[0]})), tmp_path, ignore)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["../outside.png", "/outside.png", "a/../../b.png", "a\\b.png", "C:\\a.png", "a/b/c.png", ".hidden", "..", "a//b"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str):
    inside = tmp_path / "inside"
    with pytest.raises(DownloadError, match="not safe to write"):
        save_folder(body(zipped({"0001.png": b"a", name: b"b"})), inside / "frames", ignore)
    assert left_behind(tmp_path) == ["inside"]
    assert left_behind(inside) == []


@given(st.lists(st.text(alphabet="a./\\:~é ", max_size=8), min_size=1, max_size=4))
def test_whatever_the_names_nothing_is_written_outside(tmp_path_factory: pytest.TempPathFactory, names: list[str]):
    folder = tmp_path_factory.mktemp("any")
    try:
        data = zipped({name: b"x" for name in names if name})
        save_folder(body(data), folder / "inside/frames", ignore)
    except DownloadError:
        pass
    assert {path.name for path in folder.iterdir()} == {"inside"}
    assert {path.name for path in (folder / "inside").iterdir()} <= {"frames"}


@pytest.mark.parametrize("data", [b"", b"no zip at all", zipped(clip_files())[:-30]])
def test_damage_saves_nothing(tmp_path: Path, data: bytes):
    with pytest.raises(DownloadError):
        save_clip(body(data), tmp_path, ignore)
    assert left_behind(tmp_path) == []


def test_damage_within_a_file_is_noticed(tmp_path: Path):
    data = zipped({"0001.png": FRAMES[0]})
    damaged = data[:60] + bytes([data[60] ^ 255]) + data[61:]
    with pytest.raises(DownloadError, match="arrived damaged"):
        save_folder(body(damaged), tmp_path / "frames", ignore)
    assert left_behind(tmp_path) == []


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path):
    target = tmp_path / "clip.mov"
    target.write_bytes(b"old")
    with pytest.raises(DownloadError, match="broke off"):
        save_file(body(b"half", size=8), target, ignore)
    assert target.read_bytes() == b"old"
    save_file(body(b"the whole"), target, ignore)
    assert target.read_bytes() == b"the whole"
    assert left_behind(tmp_path) == ["clip.mov"]


def test_a_folder_with_something_in_it_is_never_replaced(tmp_path: Path):
    target = tmp_path / "frames"
    target.mkdir()
    assert save_folder(body(zipped({"0001.png": b"a"})), target, ignore) == target
    with pytest.raises(FolderNotWritableError, match="never replaced"):
        save_folder(body(zipped({"0001.png": b"b"})), target, ignore)
    assert (target / "0001.png").read_bytes() == b"a"
