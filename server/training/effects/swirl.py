"""Swirl: a disc of spiral arms seen at a slant, with a bright heart."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """Two or three spiral arms that turn and taper."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, canvas.y / look.scale / rng.uniform(0.5, 0.75)
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    sense = rng.choice([-1.0, 1.0])
    phase = angle * sense + 3.4 * np.log(distance + 0.12) - 3.2 * look.pace * t + rng.uniform(0, 6)
    arms = 0.5 + 0.5 * np.cos(rng.integers(2, 4) * phase)
    arms = arms**1.6
    body = smoothstep(0.98, 0.35, distance)
    heart = np.exp(-((distance / 0.16) ** 2))
    alpha = np.clip(arms * body + heart, 0, 1)
    return Layers(ramp(arms * body * 0.6 + heart, [look.rgb * 0.7, look.rgb, look.light]), alpha)
