"""Alpha from brightness, for what glows: fire, sparks, lightning on black.

Light on black has no outline to cut; whatever matte is chosen, the clip over black must look as before. Of all alphas
with that property the smallest that keeps colours within 0..1 is the brightest channel:

    a = max(R, G, B),    F = C / a,    and over black  a * F = C  exactly.

C is the clip over black, so a clip that has an alpha already may be keyed too. `linear` calculates in linear light, as
planes and compositors blend; `display` in encoded values, as Blender's sequencer blends.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from server.media.colour import Frame, linear_premultiplied, premultiplied, srgb_from_linear
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream

Space = Literal["linear", "display"]


class LumaKey(StepSettings):
    """The clip's brightness over black becomes its alpha."""

    step: Literal["luma_key"] = "luma_key"
    space: Space = "linear"

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        return stream.map(lambda frame: luma_keyed(frame, self.space), alpha_mode="straight")


def luma_keyed(frame: Frame, space: Space = "linear") -> Frame:
    """A frame (H, W, 4) whose alpha is its brightest channel over black. Where that is black, the colour stays."""
    light = (linear_premultiplied(frame) if space == "linear" else premultiplied(frame))[..., :3]
    alpha: Frame = np.clip(light.max(axis=-1, keepdims=True), 0, 1)
    divisor: Frame = np.where(alpha > 0, alpha, np.float32(1))
    brightest: Frame = light / divisor
    colour = srgb_from_linear(brightest) if space == "linear" else brightest
    return np.concatenate([np.where(alpha > 0, colour, frame[..., :3]), alpha], axis=-1)
