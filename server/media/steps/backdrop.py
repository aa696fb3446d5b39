"""Which colour an effect was made on, from its half-transparent pixels.

Where a pixel of alpha a mixes the effect's colour F with a backdrop B,

    C = a F + (1 - a) B,    so    B = (C - a F) / (1 - a)

with F known from the opaque pixels around. If a clip has one backdrop, all its pixels say the same B; the median over
many of them is robust, and how far they scatter tells whether there is a backdrop at all. Where the outline is too hard
to have such pixels, the transparent ones show B themselves, unless their colour was replaced before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame
from server.media.straight import extend_colour

Colours = npt.NDArray[np.float32]

# Half-transparent; opaque enough to show the effect's own colour; transparent.
_SOFT = 1 / 16, 0.5
_CORE = 0.95
_CLEAR = 1 / 255

_SAMPLES_A_FRAME = 2000
_ENOUGH_SAMPLES = 100
# The largest median deviation of any channel, and the least distance from the effect's own colour.
_MOST_SCATTER = 0.06
_LEAST_DISTANCE = 0.1


@dataclass
class _Evidence:
    """Samples (N, 3) of the backdrop and, for each, the effect's colour beside it."""

    backdrop: list[Colours] = field(default_factory=list)
    effect: list[Colours] = field(default_factory=list)

    def add(self, backdrop: Colours, effect: Colours) -> None:
        every = max(len(backdrop) // _SAMPLES_A_FRAME, 1)
        self.backdrop.append(backdrop[::every])
        self.effect.append(effect[::every])

    def colour(self) -> Colours | None:
        """(3,), or None when there are too few samples, they disagree, or they only show the effect again."""
        backdrop = np.concatenate([np.empty((0, 3), np.float32), *self.backdrop])
        if len(backdrop) < _ENOUGH_SAMPLES:
            return None
        middle = np.median(backdrop, axis=0)
        scatter = np.median(np.abs(backdrop - middle), axis=0).max()
        distance = np.median(np.abs(np.concatenate(self.effect) - middle).max(axis=1))
        return np.clip(middle, 0, 1) if scatter <= _MOST_SCATTER and distance >= _LEAST_DISTANCE else None


def estimated_backdrop(frames: Iterable[Frame]) -> Colours | None:
    """The backdrop's colour (3,) in the encoding that the frames (H, W, 4) have, or None when there is none."""
    soft, clear = _Evidence(), _Evidence()
    for frame in frames:
        alpha = frame[..., 3]
        core = np.where(alpha >= _CORE, alpha, 0)[..., None]
        if not core.any():
            continue
        mean = (frame[..., :3] * core).sum(axis=(0, 1)) / core.sum()
        is_clear = alpha <= _CLEAR
        clear.add(frame[..., :3][is_clear], np.broadcast_to(mean, (int(np.count_nonzero(is_clear)), 3)))
        is_soft = (alpha >= _SOFT[0]) & (alpha <= _SOFT[1])
        effect = extend_colour(frame[..., :3] * core, core, mean)[is_soft]
        share: Colours = alpha[is_soft][:, None]
        backdrop: Colours = (frame[..., :3][is_soft] - share * effect) / (np.float32(1) - share)
        soft.add(backdrop, effect)
    found = soft.colour()
    return found if found is not None else clear.colour()
