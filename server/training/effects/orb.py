"""Orb: a ball of energy that beats, with wisps that turn around it."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """A bright core in a soft shell, beating once or twice in the clip."""
    rng, t = canvas.rng, canvas.t
    beat = 1 + 0.14 * np.sin(7.5 * look.pace * t + rng.uniform(0, 6))
    x, y = (canvas.x - look.offset) / (look.scale * beat), (canvas.y + 0.05 * np.sin(4 * t)) / (look.scale * beat)
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    turn = rng.choice([-1.0, 1.0]) * 3.0 * look.pace * t
    wisps = 0.5 + 0.5 * np.sin(rng.integers(3, 6) * (angle + turn) + 5 * distance + rng.uniform(0, 6))
    core = np.exp(-((distance / 0.24) ** 2))
    shell = smoothstep(0.72, 0.22, distance) * (0.35 + 0.4 * wisps)
    alpha = np.clip(core + shell, 0, 1)
    return Layers(ramp(1.1 * core + 0.25 * shell, [look.rgb * 0.75, look.rgb, look.light, 0.3 * look.rgb + 0.7]), alpha)
