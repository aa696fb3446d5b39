"""A job's previews, laid down for Blender as raw pixels that it can show without decoding anything."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .checkerboard import over_checkerboard
from .client import ServerClient
from .errors import TransPixarError
from .job import Job
from .logbook import Logbook
from .png import decode_rgba
from .protocol import Generate, Message, PreviewReady
from .saving import temporary_path


class PreviewFile:
    """Fetches what is new; a preview that fails is left out, never an error."""

    def __init__(self, command: Generate, logbook: Logbook, emit: Callable[[Message], None]) -> None:
        self._command = command
        self._logbook = logbook
        self._emit = emit
        self._shown: str | None = None
        self._noted: tuple[int, int] | None = None

    def fetch(self, client: ServerClient, job: Job) -> None:
        """Lay down the job's newest preview, if it has one that was not fetched before."""
        if job.preview_url is None or job.preview_url == self._shown:
            return
        # In the history it stays for the list; without an entry it goes with Blender's temporary folder.
        path = self._logbook.picture_path() or Path(self._command.preview_folder) / f"{job.id}.rgba"
        try:
            pixels = over_checkerboard(decode_rgba(client.preview(job.preview_url)))
            _replace(path, np.ascontiguousarray(pixels[::-1]).tobytes())
        except (TransPixarError, ValueError, OSError):
            return
        self._shown = job.preview_url
        height, width = pixels.shape[:2]
        if self._noted != (width, height):
            self._noted = width, height
            self._logbook.note(preview=self._noted)
        self._emit(PreviewReady(self._command.tag, str(path), width, height, job.preview_step))


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
