"""Particles that fill the picture: where they begin, and how those that fall come in again at the top."""

import numpy as np

from server.training.effects.canvas import Canvas, Field

# Steps of the R2 sequence (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"): 1/p and 1/p^2
# for p^3 = p + 1.
_STEPS = np.array([0.7548776662, 0.5698402910])


def _scattered(canvas: Canvas, count: int) -> tuple[Field, Field]:
    """Places x and y (N,) in -1..1 that keep apart, as things do that one is meant to tell from each other."""
    places = canvas.rng.uniform(size=2) + np.arange(count)[:, None] * _STEPS  # (N, 2)
    places += canvas.rng.uniform(-0.25, 0.25, (count, 2)) / np.sqrt(max(count, 1))
    x, y = (places % 1 * 2 - 1).T
    return x, y


def arranged(
    canvas: Canvas, count: int, half_width: float, half_height: float, *, grid: float = 1 / 3
) -> tuple[Field, Field]:
    """Places x and y (N,) of a few large pieces, in canvas units, in one of eight arrangements, a little shaken.

    Where chance alone put them, `mini` had not learned after two hours where one ends and its neighbour begins. Places
    are on a grid of a third of a unit, a token of `mini`, for the same reason: a shape is learned once, not once for
    each place within a token. Many small pieces take a finer one, so that they do not stand in rows.
    """
    start = 5 * canvas.rng.integers(4) + 1
    x, y = ((start + np.arange(count))[:, None] * _STEPS % 1 * 2 - 1).T  # (N, 2) -> two of (N,)
    x = x * canvas.rng.choice([-1, 1])
    shake = canvas.rng.uniform(-0.03, 0.03, (2, count))
    return np.round(x * half_width / grid) * grid + shake[0], np.round(y * half_height / grid) * grid + shake[1]


def wrapped(position: Field, limit: float) -> Field:
    """Bring what has left -limit..limit in again at the other side."""
    return (position + limit) % (2 * limit) - limit


def falling(canvas: Canvas, count: int, fall: Field, drift: float, sway: float) -> tuple[Field, Field]:
    """Positions (F, N) of particles that fall by `fall` (N,) canvas units a clip and come in again at the top."""
    rng, t = canvas.rng, canvas.t[:, 0, :]  # (F, 1)
    wide, high = canvas.half_width + 0.2, canvas.half_height + 0.2
    x, y = _scattered(canvas, count)
    px = x * wide + drift * t + sway * np.sin(5 * t + rng.uniform(0, 6, count))
    return wrapped(px, wide), wrapped(y * high - fall * t, high)
