"""Confetti: paper rectangles that tumble down."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, smoothstep
from server.training.effects.look import Look
from server.training.effects.particles import arranged, wrapped


def draw(canvas: Canvas, look: Look) -> Layers:
    """Tumbling pieces: each turns, is narrower where it is seen from the side, and darker on its back."""
    t = canvas.t
    count = int(10 * look.count * canvas.area)
    length, width = 0.15 * (0.5 + 0.5 * look.scale), 0.1 * (0.5 + 0.5 * look.scale)
    high = canvas.half_height + 1 / 3
    x, y = arranged(canvas, count, canvas.half_width, high, grid=1 / 12)
    alpha: Field = np.zeros(canvas.shape, np.float32)
    shade: Field = np.ones(canvas.shape, np.float32)
    soft = 1.6 * canvas.pixel
    for i in range(count):  # the steps of 2.4 and 1.7 radians give no two neighbours the same pose
        turn = 2.4 * i + 0.8 * look.pace * t
        flip = np.cos(1.7 * i + 3 * look.pace * t)
        dx = canvas.x - x[i] - 0.04 * np.sin(5 * t)
        dy = canvas.y - wrapped(y[i] - (0.8 + 0.3 * (i % 2)) * look.pace * t, high)
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        reach = np.maximum(width * np.abs(flip), 0.05)
        cover = smoothstep(soft, -soft, np.abs(along) - length) * smoothstep(soft, -soft, np.abs(across) - reach)
        shade = shade * (1 - cover) + cover * (0.8 + 0.2 * np.sign(flip))
        alpha = np.maximum(alpha, cover)
    return Layers(look.rgb * shade[..., None], alpha)
