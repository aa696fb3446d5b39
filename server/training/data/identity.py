"""Names for contents: which clip, which weights. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from server.training.data.errors import DataError

# Weights are up to 19 GB: of large files so many blocks of 64 KiB, evenly spread, and the length.
_SAMPLES, _SAMPLE = 64, 1 << 16
_CHARACTERS = 32


def digest_of_files(files: Iterable[Path]) -> str:
    """SHA-256 of the contents of files, in their order; their names do not matter. Raises OSError."""
    result = hashlib.sha256()
    for file in files:
        result.update(_digest_of(file))
    return result.hexdigest()


def identity_of_weights(folder: Path, parts: Iterable[str]) -> str:
    """Names what sub-folders of a model hold: small files entirely, large ones by samples. Raises DataError."""
    result = hashlib.sha256()
    for part in parts:
        files = sorted(file for file in (folder / part).glob("*") if file.is_file() and not file.name.startswith("."))
        if not files:
            raise DataError(f"{folder} has no {part}; choose a folder in the diffusers layout.")
        for file in files:
            result.update(f"{part}/{file.name}".encode())
            try:
                result.update(_sampled(file))
            except OSError as error:
                raise DataError(f"{file} cannot be read ({error.strerror}).") from None
    return result.hexdigest()[:_CHARACTERS]


def key_of(values: Mapping[str, Any]) -> str:
    """A name for everything that something depends on, of plain values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_CHARACTERS]


def _digest_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _sampled(file: Path) -> bytes:
    size = file.stat().st_size
    if size <= _SAMPLES * _SAMPLE:
        return _digest_of(file)
    result = hashlib.sha256(str(size).encode())
    with file.open("rb") as opened:
        for number in range(_SAMPLES):
            opened.seek(number * (size - _SAMPLE) // (_SAMPLES - 1))
            result.update(opened.read(_SAMPLE))
    return result.digest()
