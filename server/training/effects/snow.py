"""Snow: soft flakes that drift down."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, flat
from server.training.effects.look import Look
from server.training.effects.particles import falling


def draw(canvas: Canvas, look: Look) -> Layers:
    """Round flakes of two depths."""
    rng, frames = canvas.rng, canvas.shape[0]
    count = int(20 * look.count * canvas.area)
    near = rng.uniform(0.5, 1.0, count)
    px, py = falling(canvas, count, near * look.pace, rng.uniform(-0.25, 0.25), 0.05)
    radius = np.broadcast_to(near * 0.08 * (0.55 + 0.45 * look.scale), (frames, count))
    dots = canvas.splats(px, py, radius, np.broadcast_to(1.3 * near, (frames, count)))
    return Layers(flat(look.rgb, canvas.shape), np.clip(dots, 0, 1) ** 1.2)
