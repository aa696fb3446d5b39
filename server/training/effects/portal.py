"""Portal: a glowing ring whose arms turn around an open middle."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """A turning ring of energy with a veil inside."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, canvas.y / look.scale
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    sense = rng.choice([-1.0, 1.0])
    turn = angle + sense * (2.2 * look.pace * t + 2.4 * distance) + rng.uniform(0, 6)
    arms = 0.5 + 0.5 * np.sin(rng.integers(3, 6) * turn)
    wobble = 0.05 * np.sin(3 * angle + 4 * t * look.pace + rng.uniform(0, 6))
    ring = np.exp(-(((distance - 0.62 - wobble) / 0.13) ** 2))
    veil = 0.42 * smoothstep(0.66, 0.2, distance) * (0.35 + 0.65 * arms)
    alpha = np.clip(ring * (0.78 + 0.3 * arms) + veil, 0, 1)
    return Layers(ramp(ring * (0.5 + 0.5 * arms), [look.rgb * 0.7, look.rgb, look.light]), alpha)
