"""What the RGB half of a training clip shows where the effect is not.

The paper trains on foregrounds over a blurred background (arXiv 2501.03006): an RGB video model has never
seen hard cut-outs, and a background of the clip's own colours gives it nothing else to draw. So transparent pixels get
the colours of the effect, blurred; the RGB half is then close to straight colour. Models whose RGB half is colour on
black are prepared on black.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from server.media.colour import Frame, premultiplied

Background = Literal["blurred", "black"]
Float = npt.NDArray[np.float32]

# The blur is as wide as this share of the shorter side, and calculated on a picture of about so many pixels.
_SHARE = 1 / 8
_SMALL = 48
_MIDDLE_GREY = np.full(3, 0.5, np.float32)


def on_background(frame: Frame, background: Background, fallback: Float = _MIDDLE_GREY) -> Float:
    """Composite a frame (H, W, 4), in display-encoded values as the model is used: (H, W, 3) in 0..1.

    `fallback` (3,) is the colour of a blurred background where nothing is visible in the whole frame.
    """
    frame = np.clip(frame, 0, 1)
    if background == "black":
        return premultiplied(frame)[..., :3]
    alpha = frame[..., 3:]
    return frame[..., :3] * alpha + blurred_background(frame, fallback) * (1 - alpha)


def blurred_background(frame: Frame, fallback: Float = _MIDDLE_GREY) -> Float:
    """The effect's colours, blurred by a Gaussian and without edges: (H, W, 4) -> (H, W, 3), in 0..1.

    Alpha weights the colours; far from the effect the mean of all of them takes over.
    """
    height, width, _ = frame.shape
    alpha = frame[..., 3:]
    total = float(alpha.sum())
    if total < 1e-3:
        return np.broadcast_to(fallback, (height, width, 3)).astype(np.float32)
    weighted = frame[..., :3] * alpha
    mean = weighted.sum(axis=(0, 1)) / total
    factor = max(min(height, width) // _SMALL, 1)
    small = _reduced(np.concatenate([weighted, alpha], axis=-1), factor)
    sigma = min(small.shape[:2]) * _SHARE
    blurred = ndimage.gaussian_filter(small, (sigma, sigma, 0), mode="nearest")
    # A little of the mean everywhere decides where there is nothing else.
    weight = np.float32(1e-3)
    colour = (blurred[..., :3] + weight * mean) / (blurred[..., 3:] + weight)
    return np.clip(_enlarged(colour.astype(np.float32), width, height, factor), 0, 1)


def _reduced(image: Float, factor: int) -> Float:
    """Means over squares: (H, W, C) -> (ceil(H / factor), ceil(W / factor), C)."""
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c])).reduce(factor) for c in range(image.shape[-1])]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=-1)


def _enlarged(image: Float, width: int, height: int, factor: int) -> Float:
    """The inverse, linear between the squares' middles; the last squares stick out of the picture."""
    box = (0, 0, width / factor, height / factor)
    planes = [Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(3)]
    resized = [plane.resize((width, height), Image.Resampling.BILINEAR, box=box) for plane in planes]
    return np.stack([np.asarray(plane, np.float32) for plane in resized], axis=-1)
