"""Transparent pictures over a dark checkerboard, as image editors show them."""

import numpy as np
from numpy.typing import NDArray

SQUARE_PX = 8
# Display-encoded greys, dark enough for glowing effects and light enough for smoke.
_DARK, _LIGHT = 38, 58


def over_checkerboard(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight-alpha (height, width, 4) values laid over the board, blended as displayed; the result is opaque."""
    height, width = rgba.shape[:2]
    squares = np.add.outer(np.arange(height) // SQUARE_PX, np.arange(width) // SQUARE_PX)  # (height, width)
    board = np.where(squares % 2, _LIGHT, _DARK).astype(np.uint16)[..., np.newaxis]
    colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    shown = np.full_like(rgba, 255)
    shown[..., :3] = (colour * alpha + board * (255 - alpha) + 127) // 255
    return shown
