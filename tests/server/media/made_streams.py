"""Clips made of arithmetic, for what reads and writes them."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import ndimage

from server.media.colour import Frame
from server.media.stream import ClipInfo, ClipStream


def effect(width: int = 32, height: int = 24, count: int = 3, seed: int = 0, bits: int = 8) -> np.ndarray:
    """A soft disc that moves, in soft colours that go on outside of it: (F, H, W, 4), whole numbers of `bits`.

    Alpha is exactly 0 in the corners and exactly 1 in the middle.
    """
    rng = np.random.default_rng(seed)
    rows, columns = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
    frames = []
    for number in range(count):
        x = 0.4 + 0.2 * (number + 1) / (count + 1)
        alpha = np.clip(2.2 - 6 * np.hypot(columns - x, rows - 0.5), 0, 1)
        colour = ndimage.zoom(
            rng.random((3, 3, 3)), (height / 3, width / 3, 1), order=1, mode="nearest", grid_mode=True
        )
        frames.append(np.concatenate([_fitted(colour, height, width), alpha[..., None]], axis=-1))
    top = 2**bits - 1
    return (np.round(np.stack(frames) * top) / top).astype(np.float32)


def stream_of(
    frames: np.ndarray, fps: Fraction = Fraction(24), name: str = "effect", metadata: dict[str, str] | None = None
) -> ClipStream:
    """A clip of frames that are in memory: (F, H, W, 4)."""
    count, height, width, _ = frames.shape
    info = ClipInfo(name, width, height, fps, count, metadata=metadata or {"prompt": "an effect", "seed": "7"})
    return ClipStream(info, lambda: iter(frames))


def read(stream: ClipStream) -> np.ndarray:
    """All frames: (F, H, W, 4)."""
    return np.stack(list(stream.frames()))


class Endless:
    """A clip of any length that counts which of its frames were asked for."""

    def __init__(self, count: int, width: int = 16, height: int = 16) -> None:
        self.asked = 0
        self.closed = False
        self.stream = ClipStream(ClipInfo("endless", width, height, Fraction(24), count), self._frames)

    def _frames(self) -> Iterator[Frame]:
        info: Any = self.stream.info
        try:
            while self.asked < info.frame_count:
                self.asked += 1
                yield np.full((info.height, info.width, 4), 0.5, np.float32)
        finally:
            self.closed = True


def _fitted(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Rounding while zooming may leave a line too few."""
    rows, columns = image.shape[:2]
    padded = np.pad(image, ((0, max(height - rows, 0)), (0, max(width - columns, 0)), (0, 0)), mode="edge")
    return padded[:height, :width]
