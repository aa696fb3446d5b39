"""Lightning: a branching bolt from top to bottom with a glow, flickering."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, ramp
from server.training.effects.look import Look


def _path(rng: np.random.Generator, start: tuple[float, float], end: tuple[float, float], sway: float) -> Field:
    """Midpoint displacement between two points: (N, 2)."""
    points = np.array([start, end], np.float32)
    for _ in range(4):
        middle = (points[:-1] + points[1:]) / 2
        middle[:, 0] += rng.normal(0, sway, len(middle))
        merged = np.empty((len(points) + len(middle), 2), np.float32)
        merged[0::2], merged[1::2] = points, middle
        points, sway = merged, sway * 0.45
    return points


def _distance(canvas: Canvas, points: Field) -> Field:
    """Distance of each pixel to a polyline: (H, W)."""
    a, b = points[:-1, None, None, :], points[1:, None, None, :]
    px, py = canvas.x[0], canvas.y[0]
    dx, dy = b[..., 0] - a[..., 0], b[..., 1] - a[..., 1]
    u = np.clip(((px - a[..., 0]) * dx + (py - a[..., 1]) * dy) / (dx**2 + dy**2 + 1e-9), 0, 1)
    return np.hypot(px - a[..., 0] - u * dx, py - a[..., 1] - u * dy).min(axis=0)


def draw(canvas: Canvas, look: Look) -> Layers:
    """One bolt that flickers, as strokes that follow each other down one channel do; its branch changes once."""
    rng, frames = canvas.rng, canvas.shape[0]
    width = 0.045 * (0.55 + 0.45 * look.scale)
    top = (look.offset + rng.normal(0, 0.1), canvas.half_height + 0.1)
    bottom = (look.offset + rng.normal(0, 0.18), -canvas.half_height - 0.1)
    trunk = _path(rng, top, bottom, 0.18)
    channel, strokes = _distance(canvas, trunk), []
    for side in rng.permutation([-1, 1]):
        fork = trunk[rng.integers(4, 9)]
        tip = (fork[0] + side * rng.uniform(0.35, 0.5), fork[1] - rng.uniform(0.45, 0.65))
        branch = _distance(canvas, _path(rng, tuple(fork), tip, 0.05))
        strokes.append(np.minimum(channel, branch + 0.4 * width))
    near = np.stack([strokes[2 * frame > frames] for frame in range(frames)])
    flicker = (0.75 + 0.25 * np.sin(np.arange(frames) * 2.4 * look.pace + rng.uniform(0, 6)))[:, None, None]
    core = np.exp(-((near / width) ** 2))
    glow = np.exp(-near / (2.6 * width))
    alpha = np.clip(core + 0.62 * glow, 0, 1) * flicker
    return Layers(ramp(core * 0.9, [look.rgb, look.rgb, 0.25 * look.rgb + 0.75]), alpha)
