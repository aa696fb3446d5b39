"""Explosion: a fireball that swells out of a point, turns to lumps of smoke and fades."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """A fireball with a noisy edge."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, canvas.y / look.scale
    grown = 1 - np.exp(-3.0 * (t + 0.12) * look.pace)
    distance = np.hypot(x, y - 0.12 * t)
    shell = canvas.noise(x * 2.1 / (0.5 + grown), y * 2.1 / (0.5 + grown), t * 0.7 + rng.uniform(0, 8), octaves=3)
    radius = 0.92 * grown * (1 + 0.34 * shell)
    inside = (radius - distance) / (0.1 + 0.28 * grown)
    fade = smoothstep(1.12, 0.62, t * (0.65 + 0.35 * look.pace))
    holes = smoothstep(-0.7, 0.5, shell + 1.7 - 1.9 * t * (0.4 + 0.6 * look.pace))
    alpha = smoothstep(0.0, 0.75, inside) * fade * holes
    heat = np.clip(inside * 0.55, 0, 1) * (1.15 - 0.75 * t) + 0.16 * shell
    smoke = look.dark * 0.75 + 0.06
    return Layers(ramp(heat, [smoke, look.rgb, look.rgb, look.light]), alpha)
