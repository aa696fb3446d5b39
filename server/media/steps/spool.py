"""Frames that are needed again, out of their order."""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Self

import numpy as np

from server.media.colour import Frame

# Beyond this the frames lie in a temporary file.
MEMORY_BYTES = 256 * 2**20


class Spool:
    """A list of frames of one size, in memory as long as they are few, else in a file that goes with the spool.

    Frames can be appended and read by their index. Raises OSError when the disk is full.
    """

    def __init__(self, width: int, height: int, memory_bytes: int = MEMORY_BYTES) -> None:
        self._shape = (height, width, 4)
        self._bytes = height * width * 4 * np.dtype(np.float32).itemsize
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=memory_bytes)  # noqa: SIM115 (closed by the spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def append(self, frame: Frame) -> None:
        """Keep a frame (H, W, 4)."""
        self._file.seek(self._count * self._bytes)
        self._file.write(np.ascontiguousarray(frame, np.float32).tobytes())
        self._count += 1

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float32).reshape(self._shape)
