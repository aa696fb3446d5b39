"""Takes flicker out of the alpha without smearing what moves.

A pixel flickers when its alpha goes up and at once down again, or down and up: it is an extremum in time. What moves
across a pixel goes one way. So only extremes are changed, towards the median m of the alphas of three frames:

    a' = a + strength / 2 * w(|m - a|) * (m - a),    m = median(a[t-1], a[t], a[t+1])

Where time goes one way, m = a and nothing happens at all: an edge that moves, however fast, leaves no trail. Alpha that
alternates between two values becomes their mean (the plain median would only swap them). Something thin and fast, a
spark in one frame, is an extremum too, but a large one: the gate w is 1 up to `gate`, 0 from twice that on, and linear
between. No alpha changes by more than gate / 2. The first and the last frame stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field

from server.media.colour import Frame
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream


class Smooth(StepSettings):
    """Changes of alpha below `gate` are flicker; `strength` 1 evens alternation out."""

    step: Literal["smooth"] = "smooth"
    gate: float = Field(default=0.1, gt=0, le=1)
    strength: float = Field(default=1.0, ge=0, le=1)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Three frames are in memory."""

        def frames() -> Iterator[Frame]:
            with closing(stream.frames()) as source:
                before: Frame | None = None
                frame: Frame | None = None
                for frame, after in pairwise(source):
                    yield frame if before is None else smoothed(before, frame, after, self.gate, self.strength)
                    before, frame = frame, after
                if frame is not None:
                    yield frame

        if stream.info.frame_count < 3:
            return stream
        return ClipStream(stream.info, frames)


def smoothed(before: Frame, frame: Frame, after: Frame, gate: float, strength: float) -> Frame:
    """The middle one of three frames (H, W, 4), with less flicker in its alpha."""
    alphas = before[..., 3], frame[..., 3], after[..., 3]
    # The median of three without sorting.
    low, high = np.minimum(alphas[0], alphas[2]), np.maximum(alphas[0], alphas[2])
    change = np.clip(alphas[1], low, high) - alphas[1]
    weight = np.clip(2 - np.abs(change) / np.float32(gate), 0, 1)
    alpha = alphas[1] + np.float32(strength / 2) * weight * change
    return np.concatenate([frame[..., :3], alpha[..., None]], axis=-1)
