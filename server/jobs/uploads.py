"""Uploaded images and videos, as jobs need them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class UploadInfo:
    """An uploaded file that was found to be sound. Size in pixels, `fps` in frames a second, None for an image.

    `id` is the SHA-256 of the contents in hex digits; `path` is where they lie. An image has a `frame_count` of 1.
    """

    id: str
    kind: Literal["image", "video"]
    width: int
    height: int
    has_alpha: bool
    frame_count: int
    fps: float | None
    bytes: int
    path: Path
    stored_at: datetime


class UploadLookup(Protocol):
    """Finds uploads by their id."""

    def get(self, upload_id: str) -> UploadInfo | None:
        """The upload, or None when there is none of that id."""


class UploadStore(UploadLookup, Protocol):
    """Keeps uploads."""

    def all(self) -> Iterable[UploadInfo]:
        """Every upload, in any order."""

    def remove(self, upload_id: str) -> None:
        """Remove an upload; nothing happens when there is none. Raises OSError."""


class NoUploads:
    """The UploadStore of a server that takes none."""

    def get(self, upload_id: str) -> UploadInfo | None:
        """The upload: never one."""
        return None

    def all(self) -> Iterable[UploadInfo]:
        """Every upload: none."""
        return ()

    def remove(self, upload_id: str) -> None:
        """Remove an upload: none is there."""
