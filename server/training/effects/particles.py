"""Particles that wrap around: shared by what falls."""

import numpy as np

from server.training.effects.canvas import Canvas, Field


def falling(canvas: Canvas, count: int, fall: Field, drift: float, sway: float) -> tuple[Field, Field]:
    """Positions (F, N) of particles that fall by `fall` (N,) canvas units a clip and come in again at the top."""
    rng, t = canvas.rng, canvas.t[:, 0, :]  # (F, 1)
    wide, high = canvas.half_width + 0.2, canvas.half_height + 0.2
    px = rng.uniform(-wide, wide, count) + drift * t + sway * np.sin(5 * t + rng.uniform(0, 6, count))
    py = rng.uniform(-high, high, count) - fall * t
    return (px + wide) % (2 * wide) - wide, (py + high) % (2 * high) - high
