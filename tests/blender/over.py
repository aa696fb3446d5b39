"""The over operation by numbers, and the clip that is composited: a white disc with a soft edge."""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.addon.made_clips import png, sidecar_for

Pixels = NDArray[np.float32]
DISC = 24

#: A mid-grey and a saturated background, display-encoded.
BACKGROUNDS = ((0.5, 0.5, 0.5), (0.1, 0.7, 0.9))


def disc_alpha(x: float, y: float) -> float:
    """The alpha of the disc, 0 to 1, at a place of a 24 x 24 picture: opaque to 6 pixels, then soft to 10."""
    distance = math.hypot(x - DISC / 2, y - DISC / 2)
    return min(max((10.0 - distance) / 4.0, 0.0), 1.0)


def write_disc(parent: Path, colour: tuple[int, int, int] = (255, 255, 255), **changes) -> Path:
    """A clip of one frame of the disc; its colour is extended under the transparent pixels."""

    def pixel(x: int, y: int) -> tuple[int, int, int, int]:
        return (*colour, round(255 * disc_alpha(x + 0.5, y + 0.5)))

    frames = [png(DISC, DISC, pixel)]
    folder = parent / "disc_1_1a2b3c4d"
    folder.mkdir(parents=True)
    (folder / "0001.png").write_bytes(frames[0])
    (folder / "disc.transpixar").write_text(json.dumps(sidecar_for(frames, DISC, DISC, **changes)))
    return folder


def disc(size: int = DISC) -> Pixels:
    """The disc's alpha, (size, size): the 24 x 24 picture of bytes, enlarged with a linear filter."""
    alpha = np.array([[disc_alpha(x + 0.5, y + 0.5) for x in range(DISC)] for y in range(DISC)])
    alpha = np.round(alpha * 255) / 255
    places = np.clip((np.arange(size) + 0.5) * DISC / size - 0.5, 0, DISC - 1)
    low = np.floor(places).astype(int).clip(0, DISC - 2)
    share = places - low
    rows = alpha[low] * (1 - share)[:, None] + alpha[low + 1] * share[:, None]
    return (rows[:, low] * (1 - share) + rows[:, low + 1] * share).astype(np.float32)


def over_in_linear_light(alpha: Pixels, colour: tuple[float, ...], background: tuple[float, ...]) -> Pixels:
    """The disc over a background, (h, w, 3), as Cycles and the compositor put it; values are display-encoded."""
    return encoded(over_as_encoded(alpha, tuple(linear(colour)), tuple(linear(background))))


def over_as_encoded(alpha: Pixels, colour: tuple[float, ...], background: tuple[float, ...]) -> Pixels:
    """The disc over a background, (h, w, 3), as the sequencer puts it, in the space of the values."""
    cover = alpha[..., None]
    return cover * np.array(colour) + (1 - cover) * np.array(background)


def linear(values) -> Pixels:
    """Display-encoded sRGB as linear light."""
    values = np.asarray(values, np.float32)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values) -> Pixels:
    """Linear light as display-encoded sRGB."""
    values = np.asarray(values, np.float32)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0) ** (1 / 2.4) - 0.055)
