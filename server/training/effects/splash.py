"""Splash: a crown of liquid thrown up from a surface, that breaks into drops and falls back."""

import numpy as np

from server.training.effects.canvas import Canvas, Layers, smoothstep
from server.training.effects.look import Look


def draw(canvas: Canvas, look: Look) -> Layers:
    """Metaballs on ballistic paths, lit from the upper left with a wet highlight."""
    rng, frames = canvas.rng, canvas.shape[0]
    count = int(13 * (0.6 + 0.4 * look.count))
    time = 0.1 + 1.15 * canvas.t[:, 0, :] * look.pace  # (F, 1)
    angle = rng.normal(np.pi / 2, 0.48, count)
    speed = rng.uniform(0.8, 2.1, count)
    px = look.offset + look.scale * (rng.normal(0, 0.08, count) + np.cos(angle) * speed * time * 0.8)
    py = -0.72 + look.scale * (np.sin(angle) * speed * time - 1.45 * time**2)
    size = rng.uniform(0.075, 0.15, count) * look.scale
    radius = size * np.clip(1.15 - 0.35 * time, 0.55, 1.2) * np.ones((frames, 1))  # (F, N)
    drops = canvas.splats(px, py, radius, np.ones_like(radius))
    # What stays below: a low mound that sinks.
    width, height = 0.5 * look.scale * (0.35 + 0.5 * canvas.t), 0.17 * look.scale * np.exp(-1.4 * canvas.t)
    mound = np.exp(-(((canvas.x - look.offset) / width) ** 2 + ((canvas.y + 0.78) / height) ** 2))
    body = drops + 1.3 * mound
    alpha = smoothstep(0.38, 0.62, body)
    slope_y, slope_x = np.gradient(np.minimum(body, 1.6), axis=(1, 2))
    light = np.tanh((slope_y - slope_x) * -3.5)  # the light stands at the upper left
    shine = smoothstep(0.25, 0.8, light) * smoothstep(0.5, 0.9, body)
    rgb = look.rgb * (0.72 + 0.28 * light)[..., None] + 0.6 * shine[..., None]
    return Layers(np.clip(rgb, 0, 1), 0.92 * alpha)
