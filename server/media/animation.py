"""Animated pictures as clips: WebP, GIF, PNG and AVIF; one of them that holds a single picture is a still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise, repeat
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import numpy as np
from PIL import Image, UnidentifiedImageError

from server.media.colour import Frame, unpremultiplied
from server.media.errors import MediaError
from server.media.numbering import numbered_alike
from server.media.stream import AlphaMode, ClipInfo, ClipStream

_KINDS = {".webp": "WebP", ".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".avif": "AVIF"}
SUFFIXES = _KINDS.keys() - {".png"}
# Of files that do not say how long their pictures are shown.
_USUAL_RATE = Fraction(24)
# What a reader finds out anew, or tells elsewhere.
_OWN_TAGS = ("frame_rate", "alpha_mode", "frame_count")
_MOST_DIGITS = 6
# The formats count milliseconds, or 10 of them.
_HIGHEST_RATE = 1000
_RIFF_HEADER = 12
# Browsers and ffmpeg show the pictures of a GIF that asks for less than 20 ms for 100.
_SHORTEST_OF_GIF, _USUAL_OF_GIF = 20, 100
_GIF_TRAILER = b";"


@dataclass(frozen=True)
class _Pictures:
    """The pictures of an animation: their numbers in the file, and how long each is shown in milliseconds.

    The time is 0 where the file does not say.
    """

    numbers: list[int]
    durations: list[int]
    has_alpha: bool


def open_animation(path: Path, *, fps: Fraction | None = None, alpha: AlphaMode | None = None) -> ClipStream:
    """A picture, animated or not, as a clip; `fps` and `alpha` replace what it says. Raises MediaError.

    A picture of the file is given as often as its duration is long: the clip lasts as long as the file does.
    """
    with _opened(path) as image:
        width, height = image.size
        tags = _tags(image)
        pictures = _pictures(path, image)
        _check_alone(path, pictures)
        if alpha is None and not pictures.has_alpha:
            raise MediaError(
                f"{path.name} has no alpha; name its matte with --matte, or take it as it is with --alpha opaque."
            )
        durations = pictures.durations
        rate = fps or _rate(durations, tags)
        # Another rate that is asked for shows the same frames faster or slower.
        times = _times(durations, _rate(durations, tags)) if sum(durations) else _untimed(durations, tags)
    mode: AlphaMode = alpha or "straight"
    info = ClipInfo(
        name=path.name,
        width=width,
        height=height,
        fps=rate,
        frame_count=sum(times),
        alpha_mode=mode,
        metadata={key: value for key, value in tags.items() if key not in _OWN_TAGS},
    )

    def frames() -> Iterator[Frame]:
        with _opened(path) as image:
            for number, count in zip(pictures.numbers, times, strict=True):
                frame = _frame(path, image, number)
                if mode == "opaque":
                    frame[..., 3] = 1
                yield from repeat(unpremultiplied(frame) if mode == "premultiplied" else frame, count)

    return ClipStream(info, frames)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        image = Image.open(path, formats=[kind.upper() for kind in _KINDS.values()])
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, OSError, ValueError):
        kind = _KINDS[path.suffix.lower()]
        raise MediaError(f"{path.name} is no {kind} that can be read; copy or export it again.") from None
    except Image.DecompressionBombError:
        raise MediaError(f"{path.name} is too large to be read; use a smaller size.") from None
    with image:
        yield image


def _frame(path: Path, image: Image.Image, number: int) -> Frame:
    try:
        image.seek(number)
        pixels = np.asarray(image.convert("RGBA"))
    except Exception:
        raise MediaError(
            f"Frame {number + 1} of {path.name} cannot be read; the file is damaged or incomplete."
        ) from None
    return pixels.astype(np.float32) / np.float32(255)


def _pictures(path: Path, image: Image.Image) -> _Pictures:
    """What is in the file. Raises MediaError when it ends before its own end."""
    if image.format == "WEBP":
        durations = _durations_of_webp(path, image)
        return _Pictures([*range(len(durations))], durations, image.has_transparency_data)
    try:
        # The picture that a program shows which knows no animated PNG is not part of the animation.
        first = 1 if image.info.get("default_image") else 0
        numbers = range(first, getattr(image, "n_frames", 1))
        durations, has_alpha = [], False
        for number in numbers:
            image.seek(number)
            image.load()
            durations.append(round(image.info.get("duration") or 0))
            has_alpha = has_alpha or image.has_transparency_data
    # Pillow's readers raise whatever their parsing came upon.
    except Exception:
        raise MediaError(f"{path.name} is damaged or incomplete; copy or export it again.") from None
    if image.format == "GIF":
        if not path.read_bytes().rstrip(b"\0").endswith(_GIF_TRAILER):
            raise MediaError(f"{path.name} is incomplete; copy or export it again.")
        if len(numbers) > 1:
            durations = [each if each >= _SHORTEST_OF_GIF else _USUAL_OF_GIF for each in durations]
    return _Pictures([*numbers], durations, has_alpha)


def _check_alone(path: Path, pictures: _Pictures) -> None:
    """Raises MediaError for one still of a numbered sequence, which would be taken for all of it."""
    kind = _KINDS[path.suffix.lower()]
    if kind in ("GIF", "AVIF") and len(pictures.numbers) == 1 and len(numbered_alike(path)) > 1:
        raise MediaError(f"{path.name} is one of several numbered pictures, which are not read as {kind}; use PNG.")


def _durations_of_webp(path: Path, image: Image.Image) -> list[int]:
    """How long every picture of the file is shown, in milliseconds; 0 where it does not say.

    From the headers of its frames (the chunks `ANMF` of https://developers.google.com/speed/webp/docs/riff_container),
    which Pillow tells only after it has decoded all pictures before.
    """
    durations = []
    try:
        with path.open("rb") as file:
            file.seek(_RIFF_HEADER)
            while len(header := file.read(8)) == 8:
                end = file.tell() + int.from_bytes(header[4:], "little")
                if header[:4] == b"ANMF":
                    durations.append(int.from_bytes(file.read(16)[12:15], "little"))
                file.seek(end + end % 2)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read ({error.strerror}).") from None
    count = getattr(image, "n_frames", 1)
    if durations and len(durations) != count:
        raise MediaError(f"{path.name} is damaged or incomplete; copy or export it again.")
    return durations or [0] * count


def _rate(durations: list[int], tags: dict[str, str]) -> Fraction:
    """From the tags, else the one at which every picture lasts a whole number of frames, as nearly as may be."""
    try:
        tagged = Fraction(tags.get("frame_rate", "0"))
    except (ValueError, ZeroDivisionError):
        tagged = Fraction(0)
    if 0 < tagged <= _HIGHEST_RATE:
        return tagged
    shortest = min((duration for duration in durations if duration > 0), default=0)
    if shortest == 0:
        return _USUAL_RATE
    count = sum(round(duration / shortest) for duration in durations)
    return Fraction(1000 * count, sum(durations)).limit_denominator(100)


def _times(durations: list[int], rate: Fraction) -> list[int]:
    """How many frames at a rate every picture stands for; those that follow each other closer get one each."""
    # From the time since the beginning, so that what milliseconds cut off does not add up.
    ends = [round(Fraction(end, 1000) * rate) for end in accumulate(durations, initial=0)]
    return [max(end - start, 1) for start, end in pairwise(ends)]


def _untimed(durations: list[int], tags: dict[str, str]) -> list[int]:
    """How many frames every picture of a file without durations stands for: a still may be a whole clip of ours."""
    count = tags.get("frame_count", "")
    is_clip = len(durations) == 1 and count.isdecimal() and 1 <= len(count) <= _MOST_DIGITS
    return [max(int(count), 1)] if is_clip else [1] * len(durations)


def _tags(image: Image.Image) -> dict[str, str]:
    xmp = image.info.get("xmp", b"").decode("utf-8", "replace")
    _, opening, rest = xmp.partition("<dc:description>")
    text, closing_tag, _ = rest.partition("</dc:description>")
    if not (opening and closing_tag):
        return {}
    try:
        tags: Any = json.loads(unescape(text))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}
