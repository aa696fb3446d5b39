"""Shockwave: a ring that runs outwards and thins."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """An expanding ring, seen from a random tilt, with a flash at the start."""
    rng, t = canvas.rng, canvas.t
    tilt = rng.uniform(0.55, 1.0)
    x, y = (canvas.x - look.offset) / look.scale, canvas.y / look.scale / tilt
    distance = np.hypot(x, y)
    radius = 0.1 + 0.85 * (1 - np.exp(-2.0 * t * look.pace)) / (1 - np.exp(-2.0))
    thickness = 0.075 + 0.1 * t
    offset = (distance - radius) / thickness
    ring = np.exp(-(np.where(offset > 0, offset * 1.6, offset * 0.8) ** 2))
    fade = np.clip(1.15 - 0.8 * t * (0.5 + 0.5 * look.pace), 0, 1)
    flash = np.exp(-4.5 * t * look.pace) * np.exp(-((distance / 0.2) ** 2))
    alpha = np.clip(ring * fade + flash, 0, 1)
    return Layers(ramp(ring * 0.75 * fade + flash, [look.rgb * 0.8, look.rgb, look.light]), alpha)
