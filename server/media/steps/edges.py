"""Fades the effect out towards the edges of the frame, so that no straight cut is seen where it leaves the frame."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from server.media.colour import Frame
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream

Ramp = npt.NDArray[np.float32]

MAX_FADE_PIXELS = 1024


class FadeEdges(StepSettings):
    """Alpha falls to 0 over the outermost `pixels` of every side. Colour is not touched."""

    step: Literal["fade_edges"] = "fade_edges"
    pixels: float = Field(ge=0, le=MAX_FADE_PIXELS)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        if self.pixels == 0:
            return stream
        return stream.map(lambda frame: faded(frame, self.pixels))


def faded(frames: Frame, pixels: float) -> Frame:
    """Frames (..., H, W, 4) whose alpha is 0 in the outermost pixel and untouched `pixels` further in.

    Between them it follows 3t^2 - 2t^3, which has no kink at either end. In a frame narrower than the two ramps they
    meet in the middle, where alpha is untouched.
    """
    height, width = frames.shape[-3:-1]
    mask = _ramp(height, pixels)[:, None] * _ramp(width, pixels)[None, :]
    return np.concatenate([frames[..., :3], frames[..., 3:] * mask[..., None]], axis=-1)


def _ramp(length: int, pixels: float) -> Ramp:
    """What alpha is multiplied with along one axis: (length,), 0 at both ends."""
    middle = max((length - 1) / 2, 1e-6)
    to_edge = middle - np.abs(np.arange(length) - middle)
    t = np.clip(to_edge / min(max(pixels, 1e-6), middle), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
