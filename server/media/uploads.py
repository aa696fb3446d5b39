"""The folder of the uploads: `<id>` is the file as it was sent, `<id>.json` what was found in it.

The JSON is written last, so an upload that has one is complete, and one that has none is not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from server.files import write_file
from server.jobs.uploads import UploadInfo
from server.media.inspection import inspect_file

_ID = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming-"
# A file on its way, one that was not described any more, and a description that was being written.
_HALF_DONE = re.compile(rf"{re.escape(_INCOMING)}.*|[0-9a-f]{{64}}(\.json\.new)?")


class _Stored(BaseModel):
    """The contents of `<id>.json`."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["image", "video"]
    width: int
    height: int
    has_alpha: bool
    frame_count: int
    fps: float | None
    bytes: int
    stored_at: datetime


class UploadFolder:
    """An UploadStore in a folder. The threads of one process may share it; processes may not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder and remove what was left half done. What others put there stays. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if _HALF_DONE.fullmatch(path.name) and path.is_file() and not self._description(path.name).exists():
                with contextlib.suppress(OSError):
                    path.unlink()

    def get(self, upload_id: str) -> UploadInfo | None:
        """The upload, or None when there is none of that id."""
        # Only a hash in hex digits names a file: nothing else gets near the disk.
        if not _ID.fullmatch(upload_id):
            return None
        try:
            stored = _Stored.model_validate_json(self._description(upload_id).read_bytes())
        except (OSError, ValidationError):
            return None
        return UploadInfo(id=upload_id, path=self._folder / upload_id, **stored.model_dump())

    def all(self) -> Iterator[UploadInfo]:
        """Every upload, in any order."""
        for path in self._folder.glob("*.json"):
            found = self.get(path.stem)
            if found is not None:
                yield found

    def remove(self, upload_id: str) -> None:
        """Remove an upload; nothing happens when there is none. Raises OSError."""
        if _ID.fullmatch(upload_id):
            self._description(upload_id).unlink(missing_ok=True)
            (self._folder / upload_id).unlink(missing_ok=True)

    def receive(self) -> Incoming:
        """A place for a file that is on its way. Raises OSError."""
        return Incoming(self, self._folder / f"{_INCOMING}{uuid4().hex}")

    def keep(self, file: Path, upload_id: str) -> tuple[UploadInfo, bool]:
        """Take `file`, whose SHA-256 is `upload_id`, if it is sound; the same contents are kept once.

        Returns the upload and whether it is new. Raises UploadNotUsable and OSError.
        """
        known = self.get(upload_id)
        if known is not None:
            return known, False
        stored = _Stored(**asdict(inspect_file(file)), bytes=file.stat().st_size, stored_at=datetime.now(UTC))
        kept = self._folder / upload_id
        file.replace(kept)
        try:
            write_file(self._description(upload_id), stored.model_dump_json().encode())
        except BaseException:
            # Without its description it would take room and be nothing.
            with contextlib.suppress(OSError):
                kept.unlink()
            raise
        return UploadInfo(id=upload_id, path=self._folder / upload_id, **stored.model_dump()), True

    def _description(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"


class Incoming:
    """A file on its way into the folder; a context manager that leaves nothing behind when it was not kept."""

    def __init__(self, uploads: UploadFolder, path: Path) -> None:
        self._uploads = uploads
        self._path = path
        self._file: BinaryIO = path.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Take the next piece. Raises OSError."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def keep(self) -> tuple[UploadInfo, bool]:
        """The file is complete: inspect it and keep it. As `UploadFolder.keep`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._uploads.keep(self._path, self._hash.hexdigest())
