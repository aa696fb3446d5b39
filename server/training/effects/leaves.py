"""Leaves: pointed at the tip, with a rib and a stalk, rocking from side to side as they fall."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, smoothstep
from server.training.effects.look import Look
from server.training.effects.particles import arranged, wrapped


def _leaf(along: Field, across: Field, length: float, pixel: float) -> tuple[Field, Field]:
    """Cover and shade of a leaf whose tip is at along = -length, and whose stalk begins at +length: each (F, H, W)."""
    soft = 1.6 * pixel
    part = np.clip(along / length, -1, 1)
    half = 0.5 * length * (1 - part**2) * (1 + 0.3 * part)  # widest beyond the middle, where the stalk is
    blade = smoothstep(soft, -soft, np.abs(across) - half) * smoothstep(soft, -soft, np.abs(along) - length)
    stalk = smoothstep(soft, -soft, np.abs(across) - 0.03) * smoothstep(
        soft, -soft, np.abs(along - 1.15 * length) - 0.25 * length
    )
    rib = np.exp(-((across / (0.03 + 0.5 * pixel)) ** 2))
    return np.maximum(blade, stalk), 0.86 + 0.14 * np.sign(across) - 0.4 * rib


def draw(canvas: Canvas, look: Look) -> Layers:
    """A few leaves, tips down; each leans to a side and rocks."""
    t = canvas.t
    count = max(2, int(3.5 * look.count * canvas.area))
    length = 0.5 * (0.5 + 0.5 * look.scale) / max(look.count, 1) ** 0.35  # many are smaller ones
    high = canvas.half_height + 1 / 3
    x, y = arranged(canvas, count, 0.7 * canvas.half_width, high)
    alpha: Field = np.zeros(canvas.shape, np.float32)
    shade: Field = np.ones(canvas.shape, np.float32)
    for i in range(count):
        side = 1 - i % 2 * 2
        swing = np.sin(4.5 * look.pace * t + i // 2 % 2 * np.pi)
        lean = 0.6 + 0.25 * swing
        dx = side * (canvas.x - x[i] - 0.08 * swing)
        dy = canvas.y - wrapped(y[i] - 0.7 * look.pace * t, high)
        along, across = dx * np.cos(lean) + dy * np.sin(lean), dy * np.cos(lean) - dx * np.sin(lean)
        cover, own = _leaf(along, across, length, canvas.pixel)
        shade = shade * (1 - cover) + cover * own
        alpha = np.maximum(alpha, cover)
    return Layers(np.clip(look.rgb * shade[..., None], 0, 1), alpha)
