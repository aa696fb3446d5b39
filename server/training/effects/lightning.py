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
        points, sway = merged, sway * 0.55
    return points


def _distance(canvas: Canvas, points: Field) -> Field:
    """Distance of each pixel to a polyline: (H, W)."""
    a, b = points[:-1, None, None, :], points[1:, None, None, :]
    px, py = canvas.x[0], canvas.y[0]
    dx, dy = b[..., 0] - a[..., 0], b[..., 1] - a[..., 1]
    u = np.clip(((px - a[..., 0]) * dx + (py - a[..., 1]) * dy) / (dx**2 + dy**2 + 1e-9), 0, 1)
    return np.hypot(px - a[..., 0] - u * dx, py - a[..., 1] - u * dy).min(axis=0)


def draw(canvas: Canvas, look: Look) -> Layers:
    """One bolt with a branch or two; its shape jumps twice in the clip, its brightness flickers."""
    rng, frames = canvas.rng, canvas.shape[0]
    width = 0.035 * (0.55 + 0.45 * look.scale)
    cores, changes = [], sorted(rng.choice(np.arange(2, frames), size=max(min(2, frames - 2), 0), replace=False))
    top = (look.offset + rng.normal(0, 0.1), canvas.half_height + 0.1)
    bottom = (look.offset + rng.normal(0, 0.18), -canvas.half_height - 0.1)
    for frame in range(frames):
        if frame == 0 or frame in changes:
            trunk = _path(rng, top, bottom, 0.16)
            near = _distance(canvas, trunk)
            for _ in range(rng.integers(1, 3)):
                fork = trunk[rng.integers(4, 11)]
                tip = (fork[0] + rng.choice([-1, 1]) * rng.uniform(0.25, 0.5), fork[1] - rng.uniform(0.35, 0.7))
                near = np.minimum(near, _distance(canvas, _path(rng, tuple(fork), tip, 0.06)) + 0.4 * width)
        cores.append(near)
    near = np.stack(cores)
    flicker = (0.75 + 0.25 * np.sin(np.arange(frames) * 2.4 * look.pace + rng.uniform(0, 6)))[:, None, None]
    core = np.exp(-((near / width) ** 2))
    glow = np.exp(-near / (2.6 * width))
    alpha = np.clip(core + 0.62 * glow, 0, 1) * flicker
    return Layers(ramp(core * 0.9, [look.rgb, look.rgb, 0.25 * look.rgb + 0.75]), alpha)
