"""Finds out what an uploaded file is, by decoding all of it."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from PIL import Image

from server.media.uploaded_image import ImageDamaged, NotAnImage, load_image
from server.media.uploaded_video import MAX_FRAMES, FfmpegFailed, FfmpegTimeout, read_video

log = logging.getLogger(__name__)

_KINDS = (
    "PNG, JPEG, WebP, TIFF, GIF or AVIF as an image, MP4, MOV, MKV, WebM, AVI, MPEG, MXF or an animated GIF, PNG or "
    "WebP as a video"
)


class UploadNotUsable(Exception):
    """A file that cannot be used; the message is a sentence that says what to send."""


@dataclass(frozen=True)
class Inspected:
    """What a file holds. Size in pixels as shown (upright), `fps` in frames a second; an image is one frame."""

    kind: Literal["image", "video"]
    width: int
    height: int
    has_alpha: bool
    frame_count: int
    fps: float | None


def inspect_file(path: Path) -> Inspected:
    """Decode a file and say what it holds. Raises UploadNotUsable and OSError."""
    if path.stat().st_size == 0:
        raise UploadNotUsable(f"The file is empty; send {_KINDS}.")
    try:
        image = load_image(path)
    except NotAnImage:
        return _inspect_video(path)
    except ImageDamaged as error:
        raise UploadNotUsable(f"The image {error}; save it again and send that.") from error
    return Inspected("image", image.width, image.height, image.has_transparency_data, 1, None)


def _inspect_video(path: Path) -> Inspected:
    """Decode every frame of a video; ffmpeg's `framecrc` lists them in a form that is meant for programs."""
    try:
        listing = read_video(path, ["-fps_mode", "passthrough", "-f", "framecrc"], frames=MAX_FRAMES + 1).decode()
        has_alpha = _first_frame_has_alpha(path)
    except FfmpegTimeout:
        message = "The video takes too long to decode; cut it to the part that you need, or make it smaller."
        raise UploadNotUsable(message) from None
    except FfmpegFailed as error:
        log.info("an upload was refused: %s", error)
        raise UploadNotUsable(f"The file cannot be decoded; send {_KINDS}, and check that it plays.") from None
    facts, times, durations = _parse_framecrc(listing)
    if not times:
        raise UploadNotUsable("The video has no frames; check that it plays.")
    if len(times) > MAX_FRAMES:
        message = f"The video has more than {MAX_FRAMES} frames; cut it to the part that you need."
        raise UploadNotUsable(message)
    width, height = (int(size) for size in facts["dimensions"].split("x"))
    fps = _frame_rate(times, durations, Fraction(facts["tb"]))
    return Inspected("video", width, height, has_alpha, len(times), fps)


def _first_frame_has_alpha(path: Path) -> bool:
    # The PNG encoder is given alpha exactly when the video has it.
    png = read_video(path, ["-c:v", "png", "-f", "image2pipe"], frames=1)
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return image.has_transparency_data


def _parse_framecrc(listing: str) -> tuple[dict[str, str], list[int], list[int]]:
    """The header's entries ("#name 0: value") and every frame's time and duration, in units of the time base `tb`."""
    facts: dict[str, str] = {}
    times: list[int] = []
    durations: list[int] = []
    for line in listing.splitlines():
        if line.startswith("#"):
            name, _, value = line.removeprefix("#").partition(":")
            facts[name.split()[0]] = value.strip()
        else:
            # stream, dts, pts, duration, size, checksum
            columns = line.split(",")
            times.append(int(columns[2]))
            durations.append(int(columns[3]))
    return facts, times, durations


def _frame_rate(times: list[int], durations: list[int], time_base: Fraction) -> float | None:
    """Frames a second on average, or None when the file does not say."""
    shown = times[-1] - times[0]
    if shown > 0:
        return float(round((len(times) - 1) / (shown * time_base), 3))
    return float(round(1 / (durations[0] * time_base), 3)) if durations[0] > 0 else None
