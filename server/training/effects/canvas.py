"""The canvas that effects are drawn on: normalised coordinates, time, and the fields that several families share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Layers:
    """What a family draws: straight (unassociated) colour and coverage.

    rgb: (F, H, W, 3) in 0..1, display-encoded; alpha: (F, H, W) in 0..1.
    """

    rgb: Field
    alpha: Field


class Canvas:
    """Coordinates of a clip: x to the right and y upwards, both -1..1 along the shorter side; t runs 0..1.

    t has shape (F, 1, 1); x (1, 1, W) and y (1, H, 1), so that expressions broadcast to (F, H, W).

    Attributes:
        pixel: the size of a pixel.
        half_width, half_height: how far x and y go from the middle; the smaller one is 1.
    """

    def __init__(self, num_frames: int, height: int, width: int, rng: np.random.Generator) -> None:
        half = min(height, width) / 2
        self.shape = (num_frames, height, width)
        self.rng = rng
        self.pixel = 1 / half
        self.half_width, self.half_height = width / min(height, width), height / min(height, width)
        self.x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / half)[None, None, :]
        self.y = ((height / 2 - np.arange(height, dtype=np.float32) - 0.5) / half)[None, :, None]
        self.t = (np.arange(num_frames, dtype=np.float32) / max(num_frames - 1, 1))[:, None, None]

    @property
    def area(self) -> float:
        """How many squares of the shorter side the canvas is: so many times the particles fill it alike."""
        return self.half_width * self.half_height

    def noise(self, x: Field, y: Field, t: Field, *, octaves: int = 2) -> Field:
        """Smooth noise of mean 0, about -1..1, at coordinates in lattice cells; all broadcast to one shape."""
        x, y, t = np.broadcast_arrays(x, y, t)
        total = np.zeros(x.shape, np.float32)
        weight, norm = 1.0, 0.0
        for octave in range(octaves):
            grid = self.rng.uniform(-1, 1, (8, 16, 16)).astype(np.float32)
            scale = 2.0**octave
            coordinates = np.stack([t * scale, y * scale, x * scale])
            total += weight * ndimage.map_coordinates(grid, coordinates, order=1, mode="grid-wrap")
            norm += weight
            weight *= 0.5
        return total * (1.8 / norm)

    def splats(
        self, px: Field, py: Field, radius: Field, strength: Field, *, vx: Field | None = None, vy: Field | None = None
    ) -> Field:
        """Sum of Gaussian dots, drawn out along (vx, vy): every argument (F, N); returns (F, H, W)."""
        dx = self.x[:, None] - px[:, :, None, None]  # (F, N, 1, W)
        dy = self.y[:, None] - py[:, :, None, None]  # (F, N, H, 1)
        inverse = 1 / (2 * np.maximum(radius, self.pixel * 0.6) ** 2)[:, :, None, None]
        if vx is None or vy is None:
            falloff = np.exp(-(dx**2) * inverse) * np.exp(-(dy**2) * inverse)  # separable: (F, N, H, W)
        else:
            length = np.maximum(np.hypot(vx, vy), 1e-6)
            ux, uy = (vx / length)[:, :, None, None], (vy / length)[:, :, None, None]
            stretch = (1 + length / np.maximum(radius, self.pixel * 0.6))[:, :, None, None]
            along, across = dx * ux + dy * uy, dy * ux - dx * uy
            falloff = np.exp(-((along / stretch) ** 2 + across**2) * inverse)
        return np.einsum("fnhw,fn->fhw", falloff, strength.astype(np.float32), optimize=True)


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high`, a cubic between; `low` may be the greater one."""
    u = np.clip((value - low) / (high - low), 0, 1)
    return u * u * (3 - 2 * u)


def ramp(heat: Field, colours: list[Field]) -> Field:
    """Colour by heat 0..1 through evenly spaced `colours`; heat (F, H, W) -> (F, H, W, 3)."""
    stops = np.stack(colours)
    position = np.clip(heat, 0, 1) * (len(colours) - 1)
    low = np.minimum(position.astype(np.int32), len(colours) - 2)
    part = (position - low)[..., None]
    return stops[low] * (1 - part) + stops[low + 1] * part


def flat(colour: Field, shape: tuple[int, ...]) -> Field:
    """One colour over a whole clip: (3,) -> (F, H, W, 3)."""
    return np.broadcast_to(colour, (*shape, 3)).astype(np.float32)
