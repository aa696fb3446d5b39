"""To premultiplied linear light and back: the only form in which pixels may be mixed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame, frame_from_linear_premultiplied, linear_premultiplied

# In a pixel of less alpha the colour is rounding error.
_NO_ALPHA = 1e-6


def frame_of(light: Frame, under: npt.NDArray[np.float32], *, least_alpha: float = _NO_ALPHA) -> Frame:
    """A frame (H, W, 4) from premultiplied linear light; where alpha is below `least_alpha` its colour is `under`.

    `under` (H, W, 3) is straight and display-encoded. Alpha is clipped to 0..1, and the colour goes with it.
    """
    frame = frame_from_linear_premultiplied(light)
    alpha = np.clip(frame[..., 3:], 0, 1)
    return np.concatenate([np.where(frame[..., 3:] < least_alpha, under, frame[..., :3]), alpha], axis=-1)


def mixed(first: Frame, second: Frame, weight: float) -> Frame:
    """Two frames (H, W, 4) mixed in premultiplied linear light: 0 is the first, 1 the second."""
    if weight == 0 or first is second:
        return first
    share = np.float32(weight)
    light = linear_premultiplied(first) * (1 - share) + linear_premultiplied(second) * share
    return frame_of(light, first[..., :3] * (1 - share) + second[..., :3] * share)
