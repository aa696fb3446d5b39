"""Colour under transparent pixels, continued from the visible ones around.

Whatever scales or filters a straight clip mixes the colour of transparent pixels into its edges; a dark one there is a
dark fringe. The arithmetic is that of `server.media.straight`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from server.media.colour import Frame
from server.media.steps.settings import StepSettings
from server.media.straight import extend_colour
from server.media.stream import ClipStream


class Extend(StepSettings):
    """Pixels up to the alpha `below` take the colour around them; 0 changes only what nobody can see."""

    step: Literal["extend"] = "extend"
    below: float = Field(default=0.0, ge=0, lt=1)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        return stream.map(lambda frame: extended(frame, self.below))


def extended(frame: Frame, below: float = 0.0) -> Frame:
    """A frame (H, W, 4) whose colour is continued over pixels of an alpha up to `below`; alpha stays.

    A frame in which no pixel exceeds `below` stays as it is.
    """
    alpha = np.clip(frame[..., 3:], 0, 1)
    hidden = alpha <= below
    if not hidden.any() or hidden.all():
        return frame
    known = np.where(hidden, 0, alpha)
    weighted = frame[..., :3] * known
    fallback = weighted.sum(axis=(0, 1)) / known.sum()
    colour = np.where(hidden, extend_colour(weighted, known, fallback), frame[..., :3])
    return np.concatenate([colour, frame[..., 3:]], axis=-1)
