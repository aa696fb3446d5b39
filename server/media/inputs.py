"""Reads what a clip is made from, uploaded images and footage, in the size of the clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from server.media.uploaded_image import ImageDamaged, NotAnImage, load_image, straight_pixels
from server.media.uploaded_video import FfmpegFailed, read_video

Float = npt.NDArray[np.float32]


class InputUnusable(Exception):
    """An uploaded file that cannot be read any more; the message is a sentence that says what to do."""


def read_first_frame(path: Path, width: int, height: int) -> Float:
    """An image as float32 (height, width, 3), or (height, width, 4) with straight alpha, in 0..1, sRGB.

    It covers the size: scaled to fill it (Lanczos, weighted by alpha) and cut evenly at the sides that stick out. Where
    alpha is 0, the colour is black after scaling and the file's own without. Raises InputUnusable.
    """
    try:
        pixels = straight_pixels(load_image(path))
    except (NotAnImage, ImageDamaged, OSError) as error:
        raise InputUnusable("The first frame cannot be read any more; upload the image again.") from error
    return _cover(pixels, width, height)


def read_footage(path: Path, width: int, height: int, num_frames: int, *, start: int = 0) -> Float:
    """`num_frames` frames of a video as float32 (num_frames, height, width, 3) in 0..1, sRGB, upright.

    Its first `start` frames are left out. They cover the size as in `read_first_frame`. Frames are taken as they stand
    in the file, at whatever rate. A video with alpha is shown on black. Raises InputUnusable, also when it has fewer
    frames.
    """
    filters = (
        f"trim=start_frame={start},"
        # On black, because what a transparent pixel hides is not part of the picture.
        "format=gbrap,premultiply=inplace=1,"
        # To square pixels, then to the clip's size.
        "scale=iw*sar:ih,setsar=1,"
        f"scale={width}:{height}:force_original_aspect_ratio=increase:flags=lanczos+accurate_rnd,"
        f"crop={width}:{height},format=rgb24"
    )
    output = ["-fps_mode", "passthrough", "-vf", filters, "-f", "rawvideo"]
    try:
        raw = read_video(path, output, frames=num_frames)
    except (FfmpegFailed, OSError) as error:
        raise InputUnusable("The footage cannot be read any more; upload the video again.") from error
    found = len(raw) // (width * height * 3)
    if found < num_frames:
        left = f" left after the first {start}" if start else ""
        raise InputUnusable(
            f"The footage has {found} frames{left} and the clip needs {num_frames}; ask for fewer frames."
        )
    # (F * H * W * 3,) -> (F, H, W, 3)
    frames = np.frombuffer(raw, dtype=np.uint8).reshape(num_frames, height, width, 3)
    values: Float = frames.astype(np.float32) / np.float32(255)
    return values


def _cover(pixels: Float, width: int, height: int) -> Float:
    """Scale (H, W, C) pixels so that they fill (height, width, C), and cut off what sticks out."""
    rows, columns, channels = pixels.shape
    if (columns, rows) == (width, height):
        return pixels
    scale = min(columns / width, rows / height)
    left, top = (columns - width * scale) / 2, (rows - height * scale) / 2
    box = (left, top, columns - left, rows - top)
    weighted = pixels.copy()
    if channels == 4:
        weighted[..., :3] *= pixels[..., 3:]
    scaled = np.stack([_resized(weighted[..., c], width, height, box) for c in range(channels)], axis=-1)
    if channels == 4:
        alpha = scaled[..., 3:]
        scaled[..., :3] = np.where(alpha > 0, scaled[..., :3] / np.maximum(alpha, 1e-6), 0)
    return scaled.clip(0, 1)


def _resized(channel: Float, width: int, height: int, box: tuple[float, float, float, float]) -> Float:
    """One channel (H, W) with the part in `box` scaled to (height, width)."""
    image = Image.fromarray(np.ascontiguousarray(channel))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=box), dtype=np.float32)
