"""Another size, by Lanczos resampling (a = 3) in premultiplied linear light, colour and alpha with the same weights.

That is what an optical enlargement of the composite would be: premultiplied pixels are light, and light adds up. So the
scaled clip over a backdrop is the scaled composite, but where Lanczos's overshoot leaves what alpha and colour can be
and is clipped: alpha to 0..1, then straight colour to the clip's own range. Towards smaller sizes the kernel
grows with the pixels (Pillow's resize), so that nothing is left out.
"""

from __future__ import annotations

from dataclasses import replace
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
# Overshoot leaves alphas as small as this beside an edge; their colour is noise. Over black they are below 1/255.
_LEAST_ALPHA = 1e-4


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
        return ClipStream(
            replace(stream.info, width=width, height=height),
            lambda: (resized(f, width, height) for f in stream.frames()),
        )


def resized(frame: Frame, width: int, height: int) -> Frame:
    """A frame (H, W, 4) as (height, width, 4)."""
    light = _scaled(linear_premultiplied(frame), width, height, Image.Resampling.LANCZOS)
    # Colour under what is transparent only has to be near; bilinear does not overshoot.
    under = _scaled(frame[..., :3], width, height, Image.Resampling.BILINEAR)
    result = frame_of(light, under, least_alpha=_LEAST_ALPHA)
    # Overshoot; colours beyond 0..1 that the clip had before stay possible.
    lowest, highest = min(float(frame[..., :3].min()), 0), max(float(frame[..., :3].max()), 1)
    result[..., :3] = np.clip(result[..., :3], lowest, highest)
    return result


def _scaled(image: npt.NDArray[np.float32], width: int, height: int, resampling: Image.Resampling) -> Frame:
    """Every channel by itself: (H, W, C) -> (height, width, C)."""
    planes = (Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[-1]))
    return np.stack([np.asarray(plane.resize((width, height), resampling)) for plane in planes], axis=-1)
