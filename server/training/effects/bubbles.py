"""Bubbles: spheres with a bright rim and a highlight, rising and swaying."""

import numpy as np

from server.training.effects.canvas import Canvas, Field, Layers, smoothstep
from server.training.effects.look import Look
from server.training.effects.particles import arranged, wrapped


def draw(canvas: Canvas, look: Look) -> Layers:
    """A handful of bubbles; the nearer ones cover the others."""
    t = canvas.t
    alpha: Field = np.zeros(canvas.shape, np.float32)
    light: Field = np.zeros(canvas.shape, np.float32)
    soft, high = 1.6 * canvas.pixel, canvas.half_height + 1 / 3
    size = (0.5 + 0.5 * look.scale) / max(look.count, 1) ** 0.5  # many are smaller ones
    places = arranged(canvas, int(5 * look.count * canvas.area), 0.9 * canvas.half_width, high)
    for i, (x, y) in enumerate(zip(*places, strict=True)):
        radius = (0.32, 0.23, 0.27)[i % 3] * size
        cx = look.offset + x + 0.06 * np.sin(5 * t)
        cy = wrapped(y + 0.8 * look.pace * t, high)
        distance = np.hypot(canvas.x - cx, canvas.y - cy)
        cover = smoothstep(radius + soft, radius - soft, distance)
        rim = np.exp(-(((distance - radius * 0.86) / (0.19 * radius + canvas.pixel)) ** 2))
        spot = np.exp(
            -((np.hypot(canvas.x - cx + radius * 0.36, canvas.y - cy - radius * 0.36) / (0.22 * radius)) ** 2)
        )
        own = cover * np.clip(0.4 + 0.5 * rim + 0.9 * spot, 0, 1)
        light = light * (1 - cover) + cover * np.clip(0.25 * rim + spot, 0, 1)
        alpha = own + alpha * (1 - own)
    rgb = look.rgb * (1 - 0.75 * light[..., None]) + 0.75 * light[..., None]
    return Layers(rgb, alpha)
