"""Frames as they come from a studio: a disc of one colour, cut out, or before a background."""

import numpy as np
from scipy import ndimage

SKIN = np.array([0.8, 0.6, 0.5], np.float32)
GREEN = np.array([0.1, 0.7, 0.2], np.float32)


def disc(height=96, width=128, softness=3.0, colour=SKIN, hidden=None):
    """A frame (H, W, 4): a disc of one colour whose edge is a few pixels wide, over hidden colours of its own."""
    rows, columns = np.mgrid[:height, :width]
    alpha = np.clip(0.5 - (np.hypot(rows - height / 2, columns - width / 2) - height / 3) / (2 * softness), 0, 1)
    alpha = alpha.astype(np.float32)[..., None]
    straight = np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
    return np.concatenate([np.where(alpha > 0, straight, straight if hidden is None else hidden), alpha], axis=-1)


def photographed(frame, background):
    """The frame as a camera would have seen it before a background, with the same matte."""
    alpha = frame[..., 3:]
    return np.concatenate([frame[..., :3] * alpha + background * (1 - alpha), alpha], axis=-1).astype(np.float32)


def scenery(height=96, width=128, seed=0):
    noise = np.random.default_rng(seed).random((6, 8, 3))
    return ndimage.zoom(noise, (height / 6, width / 8, 1), order=1, mode="nearest", grid_mode=True).astype(np.float32)
