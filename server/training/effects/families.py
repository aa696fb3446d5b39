"""The table of families, and the one function that renders a look to a clip."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from server.training.effects import (
    bubbles,
    confetti,
    explosion,
    fire,
    leaves,
    lightning,
    orb,
    portal,
    rain,
    shockwave,
    smoke,
    snow,
    sparks,
    splash,
    swirl,
)
from server.training.effects.canvas import Canvas, Layers
from server.training.effects.look import Look

FAMILIES: dict[str, Callable[[Canvas, Look], Layers]] = {
    "fire": fire.draw,
    "smoke": smoke.draw,
    "sparks": sparks.draw,
    "explosion": explosion.draw,
    "lightning": lightning.draw,
    "portal": portal.draw,
    "shockwave": shockwave.draw,
    "bubbles": bubbles.draw,
    "snow": snow.draw,
    "rain": rain.draw,
    "swirl": swirl.draw,
    "confetti": confetti.draw,
    "splash": splash.draw,
    "leaves": leaves.draw,
    "orb": orb.draw,
}


def render(look: Look, rng: np.random.Generator, num_frames: int, height: int, width: int) -> NDArray[np.float32]:
    """Render a look: straight RGBA, display-encoded, float32 (F, H, W, 4) in 0..1."""
    layers = FAMILIES[look.family](Canvas(num_frames, height, width, rng), look)
    return np.clip(np.concatenate([layers.rgb, layers.alpha[..., None]], axis=-1), 0, 1).astype(np.float32)
