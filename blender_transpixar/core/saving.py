"""Laying things on the disk: complete under their name, or not at all, and never over something else."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DownloadError, TransPixarError, from_os_error


def temporary_path(target: Path) -> Path:
    """A hidden name beside the final one, on the same file system, so that the rename is atomic."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")


def make_temporary_folder(target: Path) -> Path:
    """A new folder beside the final one, and the folders above it."""
    # Not tempfile.mkdtemp: its folders are closed to everybody else, and a clip may be shared.
    temporary = temporary_path(target)
    temporary.mkdir(parents=True)
    return temporary


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file that is on the disk when this returns."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, which takes the place of the one of its name when it is on the disk. Raises OSError."""
    temporary = temporary_path(path)
    try:
        write_synced(temporary, data)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def move_into_place(temporary: Path, folder: Path) -> Path:
    """Rename to `folder`, or to `folder-2` and so on where something else stands: nothing is ever overwritten."""
    for attempt in range(1, 100):
        target = folder if attempt == 1 else folder.with_name(f"{folder.name}-{attempt}")
        if not target.exists():
            temporary.rename(target)
            sync_folder(target.parent)
            return target
    raise DownloadError(f"{folder} and its numbered neighbours exist already. Choose another clip folder.")


def sync_folder(folder: Path) -> None:
    """Make a rename itself durable, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    # Some network disks cannot; what was renamed is there all the same.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def os_errors_as_sentences(folder: Path) -> Iterator[None]:
    """Turn OSError into DiskFullError or FolderNotWritableError, which name `folder`."""
    try:
        yield
    except TransPixarError:
        raise
    except OSError as error:
        raise from_os_error(error, folder) from error
