"""Straight or premultiplied, when a file does not say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from server.media.colour import Frame
from server.media.stream import AlphaMode

# Of a movie that must be guessed, every 8th of the first 64 frames is looked at.
SAMPLED_EVERY = 8
SAMPLED_FRAMES = 8

# What a lossy codec may lift a premultiplied colour above its alpha, and how often.
_TOLERANCE = 10 / 255
_SHARE = 0.002


def guessed_alpha_mode(frames: Iterable[Frame]) -> AlphaMode:
    """Which of the two the stored RGBA frames (H, W, 4) can be.

    A premultiplied colour never exceeds its alpha. Where pixels that are not opaque keep to that, and some of them have
    colour at all, the clip is premultiplied; anything else is straight.
    """
    exceeding = transparent = coloured = 0
    for frame in frames:
        alpha = frame[..., 3]
        brightest = frame[..., :3].max(axis=-1)
        see_through = alpha < 1 - _TOLERANCE
        transparent += int(np.count_nonzero(see_through))
        exceeding += int(np.count_nonzero(see_through & (brightest > alpha + _TOLERANCE)))
        coloured += int(np.count_nonzero(see_through & (brightest > _TOLERANCE)))
    return "premultiplied" if coloured and exceeding <= _SHARE * transparent else "straight"
