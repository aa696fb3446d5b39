"""Fire: two or three tongues out of one rounded base, torn by noise that rises."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """Flames that flicker upwards, hottest near the base."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, (canvas.y + 0.75) / look.scale
    rise = t * 2.6 * look.pace
    sway = canvas.noise(x * 1.3 + 3, y * 1.5 - rise, t * 0.5 + rng.uniform(0, 8)) * 0.3 * np.clip(y, 0, 1.2)
    heat = np.full(canvas.shape, -1.0, np.float32)
    for centre in rng.permutation([-0.25, 0.0, 0.25])[: rng.integers(2, 4)]:
        top = (1.45 - 1.6 * abs(centre)) * (1 + 0.22 * np.sin(2 * np.pi * (t * look.pace * 1.4 + rng.random())))
        up = np.clip(y / top, 0, 1)
        # A teardrop: round below, widest at a quarter of its height, pointed above.
        width = 0.95 * np.sqrt(up + 1e-4) * (1 - up) + 0.02
        tongue = 0.95 - np.abs(x + sway - centre * (0.75 + 0.25 * up)) / width - 2 * smoothstep(0.8, 1.05, y / top)
        heat = np.maximum(heat, tongue)
    tear = canvas.noise(x * 2.6, y * 1.9 - rise * 1.3, t * 0.7 + rng.uniform(0, 8), octaves=2)
    heat = heat + 0.5 * tear * np.clip(y, 0.1, 1)
    heat = np.where(y < 0.01, -1, heat)
    alpha = smoothstep(0.0, 0.55, heat)
    core = np.clip(heat * 1.1 - 0.45 * np.clip(y, 0, 1.5), 0, 1)
    return Layers(ramp(core, [look.rgb * 0.8, look.rgb, 0.5 * (look.rgb + look.light), look.light]), alpha)
