"""Clips of any size and length, drawn a few frames at a time: particles at full size would fill the memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from server.training.effects.canvas import Canvas
from server.training.effects.families import FAMILIES, render
from server.training.effects.look import Look

# Pixels that are drawn at once; forty particles take about a kilobyte for each.
_PIXELS = 400_000
# What these draw at random depends on how many frames there are, so they are drawn in one go; they need little memory.
_WHOLE = frozenset({"lightning"})


def frames_of(look: Look, seed: int, num_frames: int, height: int, width: int) -> Iterator[NDArray[np.float32]]:
    """The frames (H, W, 4) of `render(look, default_rng(seed), ...)`, one after the other: straight RGBA, in 0..1."""
    part = max(_PIXELS // (height * width), 1)
    if look.family in _WHOLE or part >= num_frames:
        yield from render(look, np.random.default_rng(seed), num_frames, height, width)
        return
    for start in range(0, num_frames, part):
        # The same numbers are drawn every time; only the times differ.
        canvas = Canvas(num_frames, height, width, np.random.default_rng(seed))
        canvas.t = canvas.t[start : start + part]
        canvas.shape = (len(canvas.t), height, width)
        layers = FAMILIES[look.family](canvas, look)
        clip = np.concatenate([layers.rgb, layers.alpha[..., None]], axis=-1)
        yield from np.clip(clip, 0, 1).astype(np.float32)
