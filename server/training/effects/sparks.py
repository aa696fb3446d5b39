"""Sparks: glowing particles thrown out of one point, falling as they cool."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, ramp
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """A burst of streaks with a flash at its centre."""
    rng, frames = canvas.rng, canvas.shape[0]
    count = int(18 * look.count)
    angle = rng.uniform(0, 2 * np.pi, count)
    speed = rng.uniform(0.35, 1.15, count) * look.scale
    age = (canvas.t[:, 0, :] * 0.95 + 0.12) * look.pace  # (F, 1)
    reach = 1 - np.exp(-1.9 * age)
    px = look.offset + np.cos(angle) * speed * reach
    py = np.sin(angle) * speed * reach - 0.3 * age**2
    vx = np.cos(angle) * speed * np.exp(-1.9 * age) * 0.075
    vy = np.sin(angle) * speed * np.exp(-1.9 * age) * 0.075 - 0.025 * age
    life = np.clip(1.35 - age / (look.pace * rng.uniform(0.75, 1.5, count)), 0, 1)
    radius = np.broadcast_to(rng.uniform(0.036, 0.058, count), (frames, count)) * (0.6 + 0.4 * look.scale)
    glow = canvas.splats(px, py, radius, life, vx=vx, vy=vy)
    flash = np.exp(-3.2 * canvas.t * look.pace) * np.exp(
        -((canvas.x - look.offset) ** 2 + canvas.y**2) / (0.17 * look.scale) ** 2
    )
    heat = glow + 1.2 * flash
    alpha = 1 - np.exp(-2.0 * heat)
    return Layers(ramp(heat * 0.75, [look.rgb, look.rgb, look.light]), alpha)
