"""Files and folders that appear under their name when they are whole and on the disk, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Less than the smallest file of SQLite's, in bytes.
_NEXT_TO_NOTHING = 1 << 16
# A full disk, a quota that is used up, and a limit on the size of files.
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room for what was written."""
    return isinstance(error, OSError) and error.errno in _FULL


def disk_is_full(folder: Path) -> bool:
    """Whether the disk that a folder is on has next to nothing left."""
    try:
        return shutil.disk_usage(folder).free < _NEXT_TO_NOTHING
    except OSError:
        return False


def reason_of(error: OSError) -> str:
    """Why something could not be written, and what to do where the disk is full: the end of a sentence."""
    reason = error.strerror or str(error)
    return f"{reason}; make room on the disk and try again" if is_full(error) else reason


def write_file(path: Path, data: bytes) -> None:
    """Write a file, which replaces the one of its name when it is whole. Raises OSError; nothing is left then."""
    with new_file(path) as partial:
        partial.write_bytes(data)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name to write a file to, which becomes `path` when the block ends well and vanishes when it does not.

    Its folder must be there. Raises OSError.
    """
    # Unique, because another process may write the same file, and one that was killed may have left its own.
    partial = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def new_folder(folder: Path, temporary: Path) -> Iterator[Path]:
    """A folder to fill that becomes `folder` when the block ends well and vanishes when it does not.

    Yields `temporary`, which must be on the same disk. Raises FileExistsError when `folder` exists, and OSError.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists already")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        sync(temporary)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def sync(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk: some disks say only then that they are
    full. Raises OSError, also when nothing is there."""
    if path.is_dir():
        for inside in path.iterdir():
            sync(inside)
        sync_folder(path)
        return
    # Windows syncs only what is open for writing.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    # Windows cannot open folders, and some network disks cannot sync them; their renames are ordered by themselves.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
