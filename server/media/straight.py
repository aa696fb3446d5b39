"""From what the model decodes to straight-alpha frames with colour under the transparent pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# From this alpha on a pixel's own colour counts fully; below, dividing by alpha mostly amplifies the decoder's error.
_TRUSTED_ALPHA = 1 / 16


def straight_frames(frames: Float, *, premultiplied: bool) -> Bytes:
    """What `straight` gives, as 8-bit numbers, with alpha only rounded. Raises ValueError as it does."""
    return to_bytes(straight(frames, premultiplied=premultiplied))


def straight(frames: Float, *, premultiplied: bool) -> Float:
    """Straight-alpha frames (F, H, W, 4) in 0..1 from decoded ones (F, H, W, 4), with the same alpha.

    RGB is display-encoded. With `premultiplied` it is colour on black (colour times alpha, in display-encoded values),
    as `transpixar.json` says of the model; else straight colour. Where alpha is low, the colour comes from the opaque
    pixels around; a frame without alpha takes the mean colour of the clip.

    Raises ValueError when `frames` has another shape or holds numbers that are not finite.
    """
    if frames.ndim != 4 or frames.shape[-1] != 4:
        raise ValueError(f"frames must have the shape (F, H, W, 4), not {frames.shape}")
    if not np.isfinite(frames).all():
        raise ValueError("frames hold numbers that are not finite")
    frames = np.clip(frames, 0, 1)
    alpha = frames[..., 3:]
    # Noise can exceed what its alpha allows.
    weighted = np.minimum(frames[..., :3], alpha) if premultiplied else frames[..., :3] * alpha
    fallback = weighted.sum(axis=(0, 1, 2)) / max(float(alpha.sum()), 1e-6)
    colour = np.stack([extend_colour(w, a, fallback) for w, a in zip(weighted, alpha, strict=True)])
    return np.concatenate([colour, alpha], axis=-1)


def extend_colour(weighted: Float, alpha: Float, fallback: Float) -> Float:
    """The colour (H, W, 3) of one frame, continued outwards from where alpha is.

    `weighted` (H, W, 3) is colour times alpha, `alpha` has the shape (H, W, 1), `fallback` (3,) is the colour where
    nothing is near. This is pull-push interpolation (Gortler et al., The Lumigraph, 1996, section 3.4.1): means over
    ever larger squares, weighted by alpha, fill what the smaller ones leave open. It has no streaks, unlike the colour
    of the nearest opaque pixel.
    """
    own = weighted / np.maximum(alpha, 1e-6)
    if min(alpha.shape[:2]) == 1:
        around = np.broadcast_to(_mean_colour(weighted, alpha, fallback), own.shape)
    else:
        around = _enlarged(extend_colour(_halved(weighted), _halved(alpha), fallback), alpha.shape[:2])
    trust = np.minimum(alpha / _TRUSTED_ALPHA, 1)
    return (trust * own + (1 - trust) * around).astype(np.float32)


def to_bytes(values: Float) -> Bytes:
    """Values in 0..1 as 8-bit numbers, rounded to the nearest; the same shape."""
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _mean_colour(weighted: Float, alpha: Float, fallback: Float) -> Float:
    total = float(alpha.sum())
    return weighted.sum(axis=(0, 1)) / total if total > 1e-6 else fallback


def _halved(image: Float) -> Float:
    """Means over squares of 2 x 2 pixels: (H, W, C) -> (ceil(H / 2), ceil(W / 2), C)."""
    height, width, channels = image.shape
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    # (H, W, C) -> (H / 2, 2, W / 2, 2, C)
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, channels).mean(axis=(1, 3))


def _enlarged(image: Float, size: tuple[int, ...]) -> Float:
    """(ceil(H / 2), ceil(W / 2), C) -> (H, W, C) with `size` (H, W), linear between the squares' middles."""
    for axis in (0, 1):
        # A pixel is a quarter of its width away from the middle of its square, and three from that of the next one.
        before, after = (np.take(image, _neighbours(image.shape[axis], step), axis) for step in (-1, 1))
        near = np.float32(0.75) * image
        halves = np.stack([near + np.float32(0.25) * before, near + np.float32(0.25) * after], axis=axis + 1)
        # (H, 2, W, C) -> (2 H, W, C), then (H, W, 2, C) -> (H, 2 W, C)
        image = halves.reshape(*image.shape[:axis], -1, *image.shape[axis + 1 :])
    return image[: size[0], : size[1]]


def _neighbours(length: int, step: int) -> npt.NDArray[np.intp]:
    return np.clip(np.arange(length) + step, 0, length - 1)
