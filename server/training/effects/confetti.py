"""Confetti: paper rectangles that tumble down."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, smoothstep
from server.training.effects.look import Look
from server.training.effects.particles import falling


def draw(canvas: Canvas, look: Look) -> Layers:
    """Tumbling pieces: each turns, and is narrower where it is seen from the side."""
    rng, t = canvas.rng, canvas.t
    count = int(13 * look.count * canvas.area)
    px, py = falling(canvas, count, rng.uniform(0.8, 1.2, count) * look.pace, rng.uniform(-0.2, 0.2), 0.06)
    alpha: Field = np.zeros(canvas.shape, np.float32)
    shade: Field = np.ones(canvas.shape, np.float32)
    soft = 1.6 * canvas.pixel
    for i in range(count):
        length, width = rng.uniform((0.11, 0.08), (0.14, 0.1)) * (0.5 + 0.5 * look.scale)
        turn = rng.uniform(0, 6) + rng.uniform(-2, 2) * look.pace * t
        flip = np.sin(rng.uniform(0, 6) + rng.uniform(2, 5) * look.pace * t)
        dx, dy = canvas.x - px[:, i, None, None], canvas.y - py[:, i, None, None]
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        reach = np.maximum(width * np.abs(flip), 0.05)
        cover = smoothstep(soft, -soft, np.abs(along) - length) * smoothstep(soft, -soft, np.abs(across) - reach)
        shade = shade * (1 - cover) + cover * (0.78 + 0.22 * flip)
        alpha = np.maximum(alpha, cover)
    return Layers(look.rgb * shade[..., None], alpha)
