"""Particles that fill the picture: where they begin, and how those that fall come in again at the top."""

import numpy as np

from server.training.effects.canvas import Canvas, Field

# Steps of the R2 sequence (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"): 1/p and 1/p^2
# for p^3 = p + 1.
_STEPS = np.array([0.7548776662, 0.5698402910])


def scattered(canvas: Canvas, count: int) -> tuple[Field, Field]:
    """Places x and y (N,) in -1..1 that keep apart, as things do that one is meant to tell from each other."""
    places = canvas.rng.uniform(size=2) + np.arange(count)[:, None] * _STEPS  # (N, 2)
    places += canvas.rng.uniform(-0.25, 0.25, (count, 2)) / np.sqrt(max(count, 1))
    x, y = (places % 1 * 2 - 1).T
    return x, y


def on_grid(position: Field) -> Field:
    """Bring places, in canvas units, to the nearest third.

    A third of a unit is a token of `mini`. A shape that always begins at the same place within its tokens is learned
    once, not once for each place; a few pieces over a picture do not show that they stand in rows.
    """
    return np.round(3 * position) / 3


def wrapped(position: Field, limit: float) -> Field:
    """Bring what has left -limit..limit in again at the other side."""
    return (position + limit) % (2 * limit) - limit


def falling(canvas: Canvas, count: int, fall: Field, drift: float, sway: float) -> tuple[Field, Field]:
    """Positions (F, N) of particles that fall by `fall` (N,) canvas units a clip and come in again at the top."""
    rng, t = canvas.rng, canvas.t[:, 0, :]  # (F, 1)
    wide, high = canvas.half_width + 0.2, canvas.half_height + 0.2
    x, y = scattered(canvas, count)
    px = x * wide + drift * t + sway * np.sin(5 * t + rng.uniform(0, 6, count))
    return wrapped(px, wide), wrapped(y * high - fall * t, high)
