"""PNG files."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """A straight-alpha RGBA image (H, W, 4) as an 8-bit PNG. Level 1: four times as fast as the default."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
