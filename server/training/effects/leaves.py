"""Leaves: pointed ovals with a rib, rocking from side to side as they fall."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, smoothstep
from server.training.effects.look import Look
from server.training.effects.particles import scattered, wrapped


def draw(canvas: Canvas, look: Look) -> Layers:
    """A few leaves; each rocks, and turns its pale side now and then."""
    rng, t = canvas.rng, canvas.t
    count = max(1, int(3.5 * look.count * canvas.area))
    x, y = scattered(canvas, count)
    high = canvas.half_height + 0.4
    alpha: Field = np.zeros(canvas.shape, np.float32)
    shade: Field = np.ones(canvas.shape, np.float32)
    soft = 1.6 * canvas.pixel
    for i in range(count):
        length = rng.uniform(0.46, 0.56) * (0.5 + 0.5 * look.scale)
        # A falling leaf lies across its way, and rocks.
        rock = rng.uniform(-0.5, 0.5) + 0.5 * np.sin(rng.uniform(0, 6) + 4.5 * look.pace * t)
        open_ = 0.45 + 0.55 * np.abs(np.cos(rng.uniform(0, 6) + rng.uniform(1, 3) * look.pace * t))
        dx = canvas.x - (0.65 * x[i] * canvas.half_width + 0.12 * np.sin(5 * t + rng.uniform(0, 6)))
        dy = canvas.y - wrapped(y[i] * high - rng.uniform(0.55, 0.85) * look.pace * t, high)
        along, across = dx * np.cos(rock) + dy * np.sin(rock), dy * np.cos(rock) - dx * np.sin(rock)
        part = np.clip(np.abs(along) / length, 0, 1)
        half = 0.5 * length * open_ * (1 - part**2)  # a lens: pointed at both ends
        cover = smoothstep(soft, -soft, np.abs(across) - half) * smoothstep(soft, -soft, np.abs(along) - length)
        rib = np.exp(-((across / (0.9 * canvas.pixel)) ** 2))
        own = 0.72 + 0.28 * open_ + 0.18 * np.sign(across) - 0.35 * rib
        shade = shade * (1 - cover) + cover * own
        alpha = np.maximum(alpha, cover)
    return Layers(np.clip(look.rgb * shade[..., None], 0, 1), alpha)
