"""Reads still images that strangers have sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from server.media.uploaded_video import MAX_PIXELS

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF")
# What ffmpeg reads as a video when it is animated.
_ANIMATED_VIDEOS = ("PNG", "WEBP", "GIF")


class NotAnImage(Exception):
    """The file is in none of the formats that are read, or an animation, which is a video."""


class ImageDamaged(Exception):
    """The file is an image that cannot be decoded, or has too many pixels or pictures; the message says which."""


def load_image(path: Path) -> Image.Image:
    """A still picture, decoded and turned upright; of several pages the first.

    Raises NotAnImage and ImageDamaged; nothing is decoded of an image with more than `MAX_PIXELS` pixels.
    """
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageDamaged(_too_large(f"{image.width} x {image.height}"))
            if getattr(image, "is_animated", False):
                if image.format in _ANIMATED_VIDEOS:
                    raise NotAnImage
                if image.format == "AVIF":
                    raise ImageDamaged("is an animated AVIF, which is not read")
            image.load()
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise NotAnImage from None
    except (NotAnImage, ImageDamaged):
        raise
    except Image.DecompressionBombError:
        raise ImageDamaged(_too_large("far too many")) from None
    # Pillow's readers raise whatever their parsing came upon.
    except Exception as error:
        raise ImageDamaged("is damaged and cannot be decoded") from error


def straight_pixels(image: Image.Image) -> npt.NDArray[np.float32]:
    """The pixels (H, W, 3), or (H, W, 4) with straight alpha when the image has transparency, in 0..1, sRGB."""
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow's own conversion would cut them off at 255
        grey = np.asarray(image, dtype=np.float32) / 65535
        return np.repeat(grey[..., None].clip(0, 1), 3, axis=2)
    if image.mode == "F":
        return np.repeat(np.asarray(image, dtype=np.float32)[..., None].clip(0, 1), 3, axis=2)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    pixels: npt.NDArray[np.float32] = np.asarray(image.convert(mode), dtype=np.float32) / np.float32(255)
    return pixels


def _too_large(pixels: str) -> str:
    return f"has {pixels} pixels, and at most 7680 x 4320 are possible"
