"""What `POST /v1/videos/{id}/content` sends, brought to the disk: whole and checked, or not at all."""

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .clip import Clip, is_safe_name
from .errors import DownloadError, FolderNotWritableError, InvalidClipError
from .saving import make_temporary_folder, move_into_place, sync_folder, temporary_path, write_synced

CLIP_FORMAT = "clip"
_FILE_NAME = re.compile(r'filename="([^"]+)"')
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Content:
    """A body as it arrives. `size` is in bytes, `stem` the name the server gives it, without its suffix, if any."""

    pieces: Iterator[bytes]
    size: int | None
    stem: str | None

    @classmethod
    def of(cls, headers: Mapping[str, str], pieces: Iterator[bytes]) -> "Content":
        """The body that belongs to these headers."""
        length = headers.get("Content-Length", "")
        named = _FILE_NAME.search(headers.get("Content-Disposition", ""))
        return cls(pieces, int(length) if length.isdigit() else None, Path(named[1]).stem if named else None)


def save_file(content: Content, target: Path, on_bytes: OnBytes) -> Path:
    """The body as the file `target`, which is replaced only when all has arrived."""
    with _received(content, target, on_bytes) as arrived:
        arrived.replace(target)
    sync_folder(target.parent)
    return target


def save_folder(content: Content, target: Path, on_bytes: OnBytes) -> Path:
    """The files of the zip in the body as the folder `target`, which must not be there, or be empty."""
    check_new_folder(target)
    with _received(content, target, on_bytes) as archive, _unpacked(archive, target) as (folder, _):
        if target.exists():
            target.rmdir()
        folder.rename(target)
    sync_folder(target.parent)
    return target


def save_clip(content: Content, destination: Path, on_bytes: OnBytes) -> Path:
    """The finished clip of the zip in the body as a folder in `destination`; a clip that is there already is kept.

    Every frame is compared with the sidecar's checksum. Raises DownloadError or InvalidClipError.
    """
    waiting = destination / "finished"
    with _received(content, waiting, on_bytes) as archive, _unpacked(archive, waiting) as (folder, top):
        clip = Clip.open(folder)
        _check_frames(clip)
        name = next((name for name in (top, content.stem) if name and is_safe_name(name)), clip.sidecar_path.stem)
        if _is_same(destination / name, clip):
            return destination / name
        return move_into_place(folder, destination / name)


def check_new_folder(target: Path) -> None:
    """Raises FolderNotWritableError when something stands there that an export would have to replace."""
    if target.is_dir() and not any(target.iterdir()):
        return
    if os.path.lexists(target):
        raise FolderNotWritableError(f"{target} exists already and is never replaced. Choose another name.")


@contextmanager
def _received(content: Content, target: Path, on_bytes: OnBytes) -> Iterator[Path]:
    """The body as a file of a temporary name beside `target`; it is gone afterwards."""
    arrived = temporary_path(target)
    arrived.parent.mkdir(parents=True, exist_ok=True)
    try:
        with arrived.open("xb") as file:
            _receive(content, file, on_bytes)
            os.fsync(file.fileno())
        yield arrived
    finally:
        arrived.unlink(missing_ok=True)


def _receive(content: Content, file: BinaryIO, on_bytes: OnBytes) -> None:
    done = 0
    for piece in content.pieces:
        file.write(piece)
        done += len(piece)
        on_bytes(done, content.size)
    file.flush()
    if done == 0 or done < (content.size or 0):
        raise DownloadError("The connection to the server broke off before everything had arrived. Try again.")


@contextmanager
def _unpacked(archive: Path, target: Path) -> Iterator[tuple[Path, str | None]]:
    """The zip's files in a temporary folder beside `target`, and the name of the one folder they were in, if any."""
    folder = make_temporary_folder(target)
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
            top, names = _flat_names([member.filename for member in members])
            for member, name in zip(members, names, strict=True):
                write_synced(folder / name, file.read(member))
        yield folder, top
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DownloadError("What the server sent arrived damaged. Try again.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _flat_names(paths: list[str]) -> tuple[str | None, list[str]]:
    """The one folder that all are in, or None, and the plain names of the files.

    Raises DownloadError for whatever could be written outside of that folder, or twice.
    """
    parts = [tuple(path.split("/")) for path in paths]
    tops = {part[0] for part in parts if len(part) == 2}
    names = [part[-1] for part in parts]
    is_flat = all(len(part) == 1 for part in parts)
    is_in_one_folder = len(tops) == 1 and all(len(part) == 2 for part in parts)
    is_safe = all(is_safe_name(name) for part in parts for name in part)
    # Upper and lower case are one name on many file systems.
    is_unique = len({name.lower() for name in names}) == len(names)
    if not paths or not (is_flat or is_in_one_folder) or not is_safe or not is_unique:
        raise DownloadError("The server sent files under names that are not safe to write. Update the server.")
    return (tops.pop() if is_in_one_folder else None), names


def _check_frames(clip: Clip) -> None:
    for name in clip.sidecar.frame_names():
        if hashlib.sha256((clip.folder / name).read_bytes()).hexdigest() != clip.sidecar.sha256.get(name):
            raise DownloadError(f"{name} of the finished clip does not match its checksum. Try again.")


def _is_same(folder: Path, clip: Clip) -> bool:
    try:
        there = Clip.open(folder).sidecar
    except InvalidClipError:
        return False
    wanted = clip.sidecar
    return (there.job, there.finishing, there.sha256) == (wanted.job, wanted.finishing, wanted.sha256)
