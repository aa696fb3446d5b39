"""Particles that wrap around: shared by what falls."""

import numpy as np

from server.training.effects.canvas import Canvas, Field


def falling(canvas: Canvas, count: int, fall: Field, drift: float, sway: float) -> tuple[Field, Field]:
    """Positions (F, N) of particles that fall by `fall` (N,) canvas units a clip and come in again at the top."""
    rng, t = canvas.rng, canvas.t[:, 0, :]  # (F, 1)
    px = rng.uniform(-1.2, 1.2, count) + drift * t + sway * np.sin(5 * t + rng.uniform(0, 6, count))
    py = rng.uniform(-1.2, 1.2, count) - fall * t
    return (px + 1.2) % 2.4 - 1.2, (py + 1.2) % 2.4 - 1.2
