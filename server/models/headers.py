"""The headers of safetensors files: tensor names and shapes, and whether the file is whole. Nothing here imports torch.

The format: 8 bytes with the length n of the header (little endian), n bytes of JSON, then the tensors' bytes without
gaps.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from server.models.description import ModelFolderError

_PREFIX_BYTES = 8
# The format's own limit.
_MAX_HEADER_BYTES = 100_000_000
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class SafetensorsHeader:
    """What the header of a whole safetensors file says.

    Attributes:
        shapes: of every tensor, by name.
        metadata: free text entries.
        bytes: the length of the file.
    """

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    bytes: int


def read_header(path: Path) -> SafetensorsHeader:
    """Read the header of a safetensors file and check that the file is as long as it says.

    Raises ModelFolderError, naming the file and what is wrong with it.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ModelFolderError(f"{path} cannot be read ({error.strerror}); get the file anew.") from None
    if not path.is_file():
        raise ModelFolderError(f"{path} is no file; put the weights there in safetensors format.")
    # Asked again and again by a server that lists its models, of files that do not change.
    return _read_header(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=512)
def _read_header(path: Path, size: int, mtime_ns: int) -> SafetensorsHeader:
    try:
        with path.open("rb") as file:
            length = _header_length(path, file.read(_PREFIX_BYTES), size)
            text = file.read(length)
    except OSError as error:
        raise ModelFolderError(f"{path} cannot be read ({error.strerror}); get the file anew.") from None
    try:
        entries = json.loads(text)
        if not isinstance(entries, dict):
            raise ValueError("it is no object")
        metadata = _read_metadata(entries.pop("__metadata__", {}))
        spans = {name: _read_entry(name, entry) for name, entry in entries.items()}
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} is damaged: its header cannot be read ({error}); get the file anew.") from None
    end = _check_gaps(path, {name: span for name, (_, span) in spans.items()})
    _check_length(path, size, _PREFIX_BYTES + length + end)
    return SafetensorsHeader({name: shape for name, (shape, _) in spans.items()}, metadata, size)


def _header_length(path: Path, prefix: bytes, size: int) -> int:
    if len(prefix) < _PREFIX_BYTES:
        raise ModelFolderError(
            f"{path} is cut short: it has {size} bytes, less than any safetensors file; get it anew."
        )
    (length,) = struct.unpack("<Q", prefix)
    if length > _MAX_HEADER_BYTES:
        raise ModelFolderError(f"{path} is no safetensors file; get the model's weights in safetensors format.")
    if _PREFIX_BYTES + length > size:
        missing = _PREFIX_BYTES + length - size
        raise ModelFolderError(
            f"{path} is cut short: at least {missing} bytes are missing, already of its header; get the file anew."
        )
    return int(length)


def _read_metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("__metadata__ is not made of texts")
    return metadata


def _read_entry(name: str, entry: Any) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The shape and the span of bytes, begin and end, of a tensor. Raises ValueError."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f'the entry "{name[:200]}" is incomplete') from None
    numbers = [begin, end, *shape] if isinstance(shape, list) else [None]
    if not all(type(number) is int and number >= 0 for number in numbers) or not isinstance(dtype, str):
        raise ValueError(f'the entry "{name[:200]}" is not valid')
    item = _ITEM_BYTES.get(dtype)
    if item is not None and math.prod(shape) * item != end - begin:
        raise ValueError(f'the length of "{name[:200]}" is not that of its shape')
    return tuple(shape), (begin, end)


def _check_gaps(path: Path, spans: Mapping[str, tuple[int, int]]) -> int:
    """Check that the tensors lie one after the other, and return where the last one ends."""
    end = 0
    for name, (begin, following) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != end or following < begin:
            raise ModelFolderError(f'{path} is damaged: "{name[:200]}" lies in the wrong place; get the file anew.')
        end = following
    return end


def _check_length(path: Path, size: int, expected: int) -> None:
    if size < expected:
        raise ModelFolderError(
            f"{path} is cut short: {expected - size} of its {expected} bytes are missing; get the file anew."
        )
    if size > expected:
        raise ModelFolderError(
            f"{path} is damaged: it has {size - expected} bytes more than its header says; get the file anew."
        )
