"""Whether an image that was just written is whole: libraries do not tell of every write that the disk refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = 1 << 20


def is_whole_png(path: Path) -> bool:
    """Whether every chunk of a PNG up to its last is there with the right checksum. Raises OSError."""
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return False
        while (kind := _sound_chunk(file)) is not None:
            if kind == b"IEND":
                return not file.read(1)
    return False


def _sound_chunk(file: BinaryIO) -> bytes | None:
    """The kind of the next chunk; None when it is cut off or its checksum is wrong."""
    head = file.read(8)
    if len(head) < 8:
        return None
    (left,) = struct.unpack(">I", head[:4])
    checksum = zlib.crc32(head[4:])
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            return None
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return head[4:] if file.read(4) == struct.pack(">I", checksum) else None
