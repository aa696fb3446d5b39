"""PNG files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """A straight-alpha RGBA image (H, W, 4) as an 8-bit PNG. Level 1: four times as fast as the default."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees either the old file or the whole new one. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(path)
