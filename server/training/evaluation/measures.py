"""What is measured of a clip: RGBA with the colour on black, (F, H, W, 4), display-encoded, in 0..1."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.media.colour import linear_from_srgb
from server.training.effects.palette import COLOURS

Clip = NDArray[np.float32]

# Palette names that shading turns into one another.
COLOUR_GROUPS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson"),
    "orange": ("orange", "coral", "brown"),
    "yellow": ("yellow", "gold"),
    "green": ("green", "lime", "emerald"),
    "cyan": ("cyan", "teal", "turquoise"),
    "blue": ("blue", "navy"),
    "purple": ("purple", "violet", "lavender"),
    "pink": ("pink", "magenta"),
    "neutral": ("white", "silver", "grey", "black"),
}
GROUP_OF = {colour: group for group, colours in COLOUR_GROUPS.items() for colour in colours}

# Below this in every channel, the RGB half shows nothing.
NOTHING = 0.03
# Shading and glow change lightness more than hue: it counts less.
_LIGHTNESS_WEIGHT = 0.35


def mean_colour(clip: Clip) -> NDArray[np.floating[Any]]:
    """The straight colour (3,) of a clip, weighted by alpha; black where it is empty."""
    alpha = float(clip[..., 3].sum())
    total: NDArray[np.floating[Any]] = clip[..., :3].sum(axis=(0, 1, 2), dtype=np.float64)
    return np.clip(total / alpha, 0, 1) if alpha > 1e-3 else np.zeros(3)


def colour_group(colour: NDArray[np.floating[Any]]) -> str:
    """The group of the palette colour that is nearest to a display-encoded colour (3,), in Oklab."""
    names, table = _palette()
    distance = np.square((oklab(colour) - table) * (_LIGHTNESS_WEIGHT, 1, 1)).sum(axis=-1)
    return GROUP_OF[names[int(distance.argmin())]]


def colour_is_right(clip: Clip, colour: str) -> bool:
    """Whether the clip's mean colour is in the group of the named palette colour."""
    return colour_group(mean_colour(clip)) == GROUP_OF[colour]


def colour_mask(clip: Clip) -> Clip:
    """Where the colour on black is, (F, H, W): the strongest channel, 1 at the clip's own peak."""
    brightness = clip[..., :3].max(axis=-1)
    peak = max(float(np.quantile(brightness, 0.98)), 0.05)
    return np.minimum(brightness / peak, 1).astype(np.float32)


def soft_iou(first: Clip, second: Clip) -> float:
    """Intersection over union of two masks of one shape with values in 0..1; 1 where both are empty."""
    union = float(np.maximum(first, second).sum())
    return float(np.minimum(first, second).sum()) / union if union > 0 else 1.0


def alpha_where_nothing(clip: Clip) -> float | None:
    """The mean alpha where the RGB half is black; None for a clip that is black nowhere."""
    nothing = clip[..., :3].max(axis=-1) < NOTHING
    return float(clip[..., 3][nothing].mean()) if nothing.any() else None


def squared_error(first: Clip, second: Clip) -> float:
    """The mean squared difference."""
    return float(np.square(first - second).mean())


def psnr(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1."""
    return float(-10 * np.log10(max(mean_squared_error, 1e-10)))


def motion(clip: Clip) -> float:
    """The mean change from frame to frame, over all four channels."""
    return float(np.abs(np.diff(clip, axis=0)).mean())


def oklab(colour: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Display-encoded sRGB (..., 3) in Oklab (Ottosson 2020, "A perceptual color space for image processing")."""
    linear = linear_from_srgb(np.asarray(colour, np.float32)).astype(np.float64)
    cones = np.cbrt(linear @ _CONES.T)
    return cones @ _LAB.T


_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@cache
def _palette() -> tuple[list[str], NDArray[np.floating[Any]]]:
    return list(COLOURS), oklab(np.array(list(COLOURS.values())) / 255)
