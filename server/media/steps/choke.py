"""Moves the outline of the alpha inwards or outwards, by fractions of a pixel too.

Choking by r is the grey-scale erosion with a disc of radius r: the lowest alpha within r. Inside, the disc is made of
whole pixels; on its rim alpha is read between the pixels in 16 directions, so that a straight edge of any direction
moves by r. Spreading is the same for 1 - a.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from server.media.colour import Frame
from server.media.steps.extension import extended
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream

Alpha = npt.NDArray[np.float32]

MAX_PIXELS = 32
_DIRECTIONS = 16


class Choke(StepSettings):
    """The outline moves inwards by `pixels`, outwards when negative."""

    step: Literal["choke"] = "choke"
    pixels: float = Field(ge=-MAX_PIXELS, le=MAX_PIXELS)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        if self.pixels == 0:
            return stream
        return stream.map(lambda frame: moved_outline(frame, self.pixels))


def moved_outline(frame: Frame, pixels: float) -> Frame:
    """A frame (H, W, 4) with its outline `pixels` further in; further out, new pixels take the colour around."""
    if pixels >= 0:
        return np.concatenate([frame[..., :3], choked(frame[..., 3], pixels)[..., None]], axis=-1)
    alpha = 1 - choked(1 - frame[..., 3], -pixels)
    return np.concatenate([extended(frame)[..., :3], alpha[..., None]], axis=-1)


def choked(alpha: Alpha, radius: float) -> Alpha:
    """The lowest alpha (H, W) within `radius` pixels. Beyond the frame's edge alpha is what it is at the edge."""
    # SciPy takes long to load, and whoever only reads recipes does without.
    from scipy import ndimage

    reach = math.ceil(radius)
    padded = np.pad(alpha, reach, mode="edge")
    lowest = alpha.copy()
    for down in range(-math.floor(radius), math.floor(radius) + 1):
        across = math.floor(math.sqrt(radius**2 - down**2))
        row = padded[reach + down :][: alpha.shape[0]]
        width = ndimage.minimum_filter1d(row, 2 * across + 1, axis=1) if across else row
        np.minimum(lowest, width[:, reach : reach + alpha.shape[1]], out=lowest)
    for direction in range(_DIRECTIONS):
        angle = 2 * math.pi * direction / _DIRECTIONS
        y, x = (round(radius * part, 6) for part in (math.sin(angle), math.cos(angle)))
        if not (y.is_integer() and x.is_integer()):
            np.minimum(lowest, _shifted(padded, y, x, reach, alpha.shape), out=lowest)
    return lowest


def _shifted(padded: Alpha, y: float, x: float, reach: int, shape: tuple[int, ...]) -> Alpha:
    """The alpha `y` below and `x` to the right of every pixel, linear between pixels: (H, W)."""
    top, left = min(math.floor(y), reach - 1), min(math.floor(x), reach - 1)
    down, right, one = np.float32(y - top), np.float32(x - left), np.float32(1)
    rows: Alpha = padded[reach + top :][: shape[0] + 1]
    mixed: Alpha = rows[:-1] * (one - down) + rows[1:] * down
    columns = mixed[:, reach + left :][:, : shape[1] + 1]
    between: Alpha = columns[:, :-1] * (one - right) + columns[:, 1:] * right
    return between
