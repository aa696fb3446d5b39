"""Smoke: soft puffs that rise, widen and thin out, shaded from above."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """A puff or a short column of smoke."""
    rng, t = canvas.rng, canvas.t
    x, y = (canvas.x - look.offset) / look.scale, canvas.y / look.scale
    drift = rng.uniform(-0.25, 0.25)
    warp_x = canvas.noise(x * 1.6, y * 1.6 - t * 0.8, t * 0.8 + rng.uniform(0, 8))
    warp_y = canvas.noise(x * 1.6 + 5, y * 1.6 - t * 0.8, t * 0.8 + rng.uniform(0, 8))
    wx, wy = x + 0.16 * warp_x, y + 0.16 * warp_y
    density = np.zeros(canvas.shape, np.float32)
    shade = np.zeros(canvas.shape, np.float32)
    for _ in range(rng.integers(5, 8)):
        birth = rng.uniform(-0.5, 0.25)
        age = np.clip(t - birth, 0, None) * look.pace
        cx = rng.normal(0, 0.14) + drift * age
        cy = rng.uniform(-0.5, 0.0) + 0.65 * age
        radius = rng.uniform(0.22, 0.34) * (0.8 + 0.55 * age)
        puff = np.exp(-(((wx - cx) ** 2 + (wy - cy) ** 2) / radius**2)) * np.exp(-0.7 * np.clip(age - 0.3, 0, None))
        density += puff
        shade += puff * ((wy - cy) / radius + 0.3 * (wx - cx) / radius)
    body = canvas.noise(wx * 3, wy * 3 - t * 1.2 * look.pace, t + rng.uniform(0, 8), octaves=2)
    alpha = 0.9 * smoothstep(0.1, 1.5, density * (1 + 0.5 * body))
    light = 0.5 + 0.4 * np.tanh(1.3 * shade / (density + 0.2)) + 0.25 * body
    rgb = look.rgb * (0.55 + 0.55 * light)[..., None] + 0.22 * np.clip(light - 0.4, 0, 1)[..., None]
    return Layers(np.clip(rgb, 0, 1), alpha)
