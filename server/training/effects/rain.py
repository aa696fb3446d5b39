"""Rain: straight streaks, all along one slant."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, flat
from server.training.effects.look import Look
from server.training.effects.particles import falling


def draw(canvas: Canvas, look: Look) -> Layers:
    """Falling streaks."""
    rng, frames = canvas.rng, canvas.shape[0]
    count = int(18 * look.count * canvas.area)
    slant = rng.uniform(-0.25, 0.25)
    depth = rng.uniform(0.6, 1.0, count)
    px, py = falling(canvas, count, 3.2 * depth * look.pace, slant * 3.2 * look.pace, 0.0)
    radius = np.broadcast_to(0.036 * depth * (0.5 + 0.5 * look.scale), (frames, count))
    length = np.broadcast_to(0.26 * depth, (frames, count))
    streaks = canvas.splats(
        px, py, radius, np.broadcast_to(depth * 0.95, (frames, count)), vx=-slant * length, vy=length
    )
    return Layers(flat(0.85 * look.rgb + 0.12, canvas.shape), np.clip(streaks, 0, 1))
