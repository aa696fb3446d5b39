"""Fire: tongues out of one rounded base, torn by noise that rises."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """Flames that flicker upwards, hottest near the base."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, (canvas.y + 0.78) / look.scale
    rise = t * 2.6 * look.pace
    sway = canvas.noise(x * 1.4 + 3, y * 1.7 - rise, t * 0.5 + rng.uniform(0, 8)) * 0.34 * np.clip(y - 0.1, 0, 1.2)
    heat = np.full(canvas.shape, -1.0, np.float32)
    for centre in rng.permutation([-0.34, -0.12, 0.12, 0.34])[: rng.integers(2, 5)]:
        top = (1.55 - 1.9 * abs(centre)) * (1 + 0.25 * np.sin(2 * np.pi * (t * look.pace * 1.4 + rng.random())))
        up = np.clip(y / top, 0, 1)
        # A teardrop: round below, widest at a fifth of its height, drawn out above.
        width = 0.95 * np.sqrt(up + 1e-4) * (1 - up) ** 1.25 + 0.02
        tongue = 0.95 - np.abs(x + sway - centre * (0.55 + 0.45 * np.clip(3 * up, 0, 1))) / width
        heat = np.maximum(heat, tongue - 2 * smoothstep(0.8, 1.05, y / top))
    tear = canvas.noise(x * 3.0, y * 2.0 - rise * 1.3, t * 0.7 + rng.uniform(0, 8), octaves=2)
    heat = heat + 0.55 * tear * np.clip(y, 0.15, 1)
    alpha = smoothstep(0.0, 0.6, heat) * smoothstep(0.0, 0.14, y - 0.02 + 0.05 * tear)
    core = np.clip(heat * 1.15 - 0.5 * np.clip(y, 0, 1.5) + 0.12 * tear, 0, 1)
    return Layers(ramp(core, [look.rgb * 0.75, look.rgb, 0.5 * (look.rgb + look.light), look.light]), alpha)
