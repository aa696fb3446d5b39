"""Bringing a finished clip home: whole and checked, or not at all."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from .clip import SIDECAR_SUFFIX, Clip, Sidecar, safe_name
from .errors import CLIP_FOLDER, DownloadError, InvalidClipError, from_os_error
from .job import JobClip
from .saving import make_temporary_folder, move_into_place, os_errors_as_sentences, write_synced


class ClipSource(Protocol):
    """Where a clip comes from: the server, as `ServerClient` offers it."""

    def sidecar(self, job_id: str, clip: int) -> bytes:
        """The sidecar of clip `clip`, counted from 1, byte for byte."""

    def frame(self, job_id: str, clip: int, number: int) -> bytes:
        """The PNG of frame `number` of that clip, counted from 1."""


def download_clip(
    source: ClipSource,
    job_id: str,
    clip: JobClip,
    destination: Path,
    on_frame: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Fetch a finished clip of a job into `destination/<clip>` and return that folder.

    Frames are checked against the sidecar's sha256 and written to a temporary folder that is synced and renamed, so a
    folder under the clip's name is always complete. `on_frame(done, of)` is called after each frame and may raise to
    stop. A clip that is already there is kept. Raises DownloadError, DiskFullError, FolderNotWritableError,
    InvalidClipError or what `source` raises.
    """
    if not clip.name or not clip.sidecar.endswith(SIDECAR_SUFFIX):
        raise DownloadError("The server finished the clip without naming it. Update the server and try again.")
    folder = destination / safe_name(clip.name)
    sidecar_name = safe_name(clip.sidecar)
    if _is_complete(folder, job_id):
        return folder
    with os_errors_as_sentences(destination):
        sidecar_bytes = source.sidecar(job_id, clip.index)
        sidecar = _parse(sidecar_bytes)
        temporary = make_temporary_folder(folder)
        try:
            for number, name in enumerate(sidecar.frame_names(), start=1):
                data = _checked_frame(source, job_id, clip.index, number, sidecar.sha256.get(name))
                write_synced(temporary / name, data)
                on_frame(number, sidecar.frame_count)
            write_synced(temporary / sidecar_name, sidecar_bytes)
            return move_into_place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_destination(destination: Path, elsewhere: str = CLIP_FOLDER) -> None:
    """Find out before a clip is made whether it could be kept; creates nothing. Raises FolderNotWritableError.

    `elsewhere` says what to choose instead.
    """
    existing = next(path for path in (destination, *destination.parents) if path.exists())
    if not existing.is_dir():
        raise from_os_error(NotADirectoryError(errno.ENOTDIR, f"{existing} is not a folder"), destination, elsewhere)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise from_os_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), destination, elsewhere)


def _is_complete(folder: Path, job_id: str) -> bool:
    try:
        return Clip.open(folder).sidecar.job == job_id
    except InvalidClipError:
        return False


def _parse(sidecar_bytes: bytes) -> Sidecar:
    try:
        return Sidecar.from_json(json.loads(sidecar_bytes))
    except ValueError as error:
        raise DownloadError("The clip's description arrived damaged. Generate the clip again.") from error


def _checked_frame(source: ClipSource, job_id: str, clip: int, number: int, sha256: str | None) -> bytes:
    # One damaged transfer is worth another try; a second one is no accident.
    for _ in range(2):
        data = source.frame(job_id, clip, number)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    raise DownloadError(
        f"Frame {number} of the clip does not match its checksum, so nothing was saved. "
        "Check the server's disk, then generate the clip again."
    )
