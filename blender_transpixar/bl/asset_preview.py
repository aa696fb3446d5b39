"""An asset's picture: the fullest frame of its clip, over the dark that effects are looked at on."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.clip import Clip
from ..core.errors import InvalidClipError

LARGEST_SIDE = 256
# Display-encoded; light enough for dark smoke, dark enough for sparks.
_DARK = 0.12
# Reading every frame of a long clip would be felt; the fullest of these is full enough.
_LOOKED_AT = 9


def set_preview(asset: bpy.types.ID, clip: Clip) -> None:
    """Give an asset its picture. Raises InvalidClipError when Blender cannot read a frame.

    Not `asset_generate_preview`: it renders, which takes long, and in background mode has crashed Blender.
    """
    picture = over_dark(_shrunk(_fullest(clip)))
    height, width = picture.shape[:2]
    preview: Any = asset.preview_ensure()
    preview.image_size = (width, height)
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture, np.float32).ravel())


def over_dark(premultiplied: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width, 4) premultiplied, display-encoded values over the dark: the same shape, opaque."""
    alpha = premultiplied[..., 3:]
    picture = np.ones_like(premultiplied)
    picture[..., :3] = np.clip(premultiplied[..., :3] + (1.0 - alpha) * _DARK, 0.0, 1.0)
    return picture


def _fullest(clip: Clip) -> NDArray[np.float32]:
    """The frame with the most alpha: (height, width, 4) premultiplied, display-encoded, rows from the bottom up."""
    names = list(clip.sidecar.frame_names())
    chosen = sorted({round(at) for at in np.linspace(0, len(names) - 1, min(_LOOKED_AT, len(names)))})
    frames = (_read(clip.folder / names[index]) for index in chosen)
    return max(frames, key=lambda frame: float(frame[..., 3].mean()))


def _read(path: Path) -> NDArray[np.float32]:
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.") from error
    try:
        width, height = image.size
        if not width or not height:
            raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.")
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
        frame = values.reshape(height, width, 4)
        if image.is_float:  # 16 bit and EXR come as linear premultiplied values
            frame[..., :3] = _encoded(frame[..., :3])
        else:
            frame[..., :3] *= frame[..., 3:]
        return frame
    finally:
        bpy.data.images.remove(image)


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sRGB transfer function (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0.0, 1.0)
    encoded = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def _shrunk(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averaged in square blocks until no side is longer than LARGEST_SIDE; small frames stay as they are."""
    height, width = frame.shape[:2]
    block = -(-max(height, width) // LARGEST_SIDE)
    rows, columns = max(height // block, 1), max(width // block, 1)
    whole = frame[: rows * block, : columns * block]
    # (rows * block, columns * block, 4) -> (rows, block, columns, block, 4)
    return whole.reshape(rows, -1, columns, whole.shape[1] // columns, 4).mean(axis=(1, 3), dtype=np.float32)
