"""Another size, by Lanczos resampling (a = 3) in premultiplied linear light, colour and alpha with the same weights.

That is what an optical enlargement of the composite would be: premultiplied pixels are light, and light adds up. So the
scaled clip over a backdrop is the scaled composite, but where Lanczos's overshoot leaves what alpha and colour can be
and is clipped: alpha to 0..1, then straight colour to the clip's own range. Where almost nothing is visible, the colour
comes from around. Towards smaller sizes the kernel grows with the pixels (Pillow's resize): nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from server.media.colour import Frame, linear_premultiplied
from server.media.errors import MediaError
from server.media.steps.linear import frame_of
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream

MAX_SIDE = 16384
# Beside an edge overshoot has alphas below this, whose quotient of colour and alpha is noise.
_TRUSTED_ALPHA = 1 / 16
# That colour then comes from squares of so many pixels, farther than the kernel reaches; where nothing is visible in
# them, from whatever is there.
_SQUARE = 8
_LEAST_WEIGHT = np.float32(1e-5)


class Resize(StepSettings):
    """`scale` times as wide and as high, rounded to whole pixels."""

    step: Literal["resize"] = "resize"
    scale: float = Field(gt=0, le=8)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Raises MediaError when the size would be impossible."""
        width, height = (round(side * self.scale) for side in (stream.info.width, stream.info.height))
        if (width, height) == (stream.info.width, stream.info.height):
            return stream
        if min(width, height) < 1 or max(width, height) > MAX_SIDE:
            raise MediaError(f"{stream.info.name} would be {width} x {height}; use sizes from 1 to {MAX_SIDE} pixels.")
        canvas = stream.info.canvas
        if canvas is not None:
            # The factors by which the pixels really grow, which rounding makes differ from the scale.
            factors = Fraction(width, stream.info.width), Fraction(height, stream.info.height)
            canvas = canvas.scaled(*factors).unless_whole(width, height)
        return ClipStream(
            replace(stream.info, width=width, height=height, canvas=canvas),
            lambda: (resized(f, width, height) for f in stream.frames()),
        )


def resized(frame: Frame, width: int, height: int) -> Frame:
    """A frame (H, W, 4) as (height, width, 4)."""
    around = _around(frame, (width, height))
    result = frame_of(_scaled(linear_premultiplied(frame), (width, height)), around)
    # Overshoot; colours beyond 0..1 that the clip had before stay possible.
    lowest, highest = min(float(frame[..., :3].min()), 0), max(float(frame[..., :3].max()), 1)
    colour = np.clip(result[..., :3], lowest, highest)
    trust = np.minimum(result[..., 3:] / np.float32(_TRUSTED_ALPHA), 1)
    result[..., :3] = trust * colour + (1 - trust) * around
    return result


def _around(frame: Frame, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The mean colour of what is visible near every pixel of the result: (H, W, 4) -> (height, width, 3)."""
    weight = np.clip(frame[..., 3:], 0, 1) + _LEAST_WEIGHT
    shrinking = max(frame.shape[1] / size[0], frame.shape[0] / size[1], 1)
    square = min(math.ceil(_SQUARE * shrinking), *frame.shape[:2])
    planes = _planes(np.concatenate([frame[..., :3] * weight, weight], axis=-1))
    # The last squares may stick out of the frame.
    box = (0, 0, frame.shape[1] / square, frame.shape[0] / square)
    means = _stacked(plane.reduce(square).resize(size, Image.Resampling.BILINEAR, box) for plane in planes)
    return means[..., :3] / means[..., 3:]


def _scaled(image: Frame, size: tuple[int, int]) -> Frame:
    """(H, W, C) -> (height, width, C), by Lanczos."""
    return _stacked(plane.resize(size, Image.Resampling.LANCZOS) for plane in _planes(image))


def _planes(image: Frame) -> Iterator[Image.Image]:
    return (Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[-1]))


def _stacked(planes: Iterable[Image.Image]) -> Frame:
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
