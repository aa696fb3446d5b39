"""What is done to a clip that the model made, unless the request says otherwise: no haze, no cut at the frame's edges.

A model's alpha is seldom exactly 0 where nothing is: `mini` leaves 1 to 12 of 255 on up to 86 % of a clip's empty
pixels, which shows in a composite as a faint rectangle. And where an effect is larger than the frame, its outline is
that of the frame. (Measured on all fifteen effects: docs/finishing.md.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from server.media.steps.edges import faded

# Alpha up to BLACK becomes 0, from FULL on it is kept: only haze is to go, nothing is to get thinner. From BLACK on a
# pixel's own colour counts fully, too (`straight.py`).
BLACK = 1 / 16
FULL = 1 / 8
# Of the shorter side of the frame.
FADE = 1 / 16

Frames = npt.NDArray[np.float32]


def cleaned(frames: Frames, *, fade_edges: bool = True) -> Frames:
    """Straight frames (F, H, W, 4) in 0..1 without haze in their alpha and, unless told otherwise, with faded edges.

    Colour is left as it is.
    """
    alpha = frames[..., 3:]
    kept = np.clip((alpha - np.float32(BLACK)) / np.float32(FULL - BLACK), 0, 1)
    result = np.concatenate([frames[..., :3], alpha * kept], axis=-1)
    return faded(result, FADE * min(frames.shape[1:3])) if fade_edges else result
