"""Animated WebP: straight alpha, 8 bits, for sharing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import accumulate, pairwise, repeat
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import numpy as np
from PIL import Image, UnidentifiedImageError

from server.media.colour import Frame, quantised, unpremultiplied
from server.media.errors import MediaError
from server.media.stream import AlphaMode, ClipInfo, ClipStream
from server.media.tags import tags_of

_QUALITY = 90
# Of files that do not say how long their pictures are shown.
_USUAL_RATE = Fraction(24)
# What a reader finds out anew, or tells elsewhere.
_OWN_TAGS = ("frame_rate", "alpha_mode", "frame_count")
_MOST_DIGITS = 6
# The format counts milliseconds.
_HIGHEST_RATE = 1000
_RIFF_HEADER = 12
# The format's own limit (14 bits each).
LARGEST_SIDE = 16383
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>{}</dc:description>'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


class _Animation(Image.Image):
    """A multi-frame image for Pillow's writer, which seeks from the first frame to the last: one is in memory."""

    def __init__(self, info: ClipInfo, frames: Iterator[Frame]) -> None:
        super().__init__()
        self._mode, self._size = "RGBA", (info.width, info.height)
        self._frames = frames
        self._position = -1
        self.n_frames = info.frame_count
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame == self._position + 1:
            self.im = Image.fromarray(quantised(next(self._frames), 8)).im
            self._position = frame

    def tell(self) -> int:
        return self._position


def write_webp(stream: ClipStream, target: Path) -> None:
    """Write an animated WebP that loops: colour lossy, alpha exact. Raises MediaError and OSError.

    libwebp stores a frame that equals the one before, or nearly, as a longer duration of that one, and a clip of
    nothing else as a still, whose length only our tags know.
    """
    info = stream.info
    if max(info.width, info.height) > LARGEST_SIDE:
        raise MediaError(f"{info.name} is {info.width} x {info.height}; WebP allows {LARGEST_SIDE} at most.")
    tags = {**tags_of(info, "straight"), "frame_count": str(info.frame_count)}
    xmp = _XMP.format(escape(json.dumps(tags))).encode("utf-8")
    with closing(stream.frames()) as frames:
        # Pillow adds the duration up before it rounds to milliseconds, so that 24 frames last a second.
        _Animation(info, frames).save(
            target,
            "WEBP",
            save_all=True,
            duration=float(1000 / info.fps),
            loop=0,
            quality=_QUALITY,
            alpha_quality=100,
            method=2,
            xmp=xmp,
        )
        next(frames, None)  # the stream says so when it holds another number of frames than it told


def open_webp(path: Path, *, fps: Fraction | None = None, alpha: AlphaMode | None = None) -> ClipStream:
    """A WebP, animated or not, as a clip; `fps` and `alpha` replace what it says. Raises MediaError.

    A picture of the file is given as often as its duration is long: the clip lasts as long as the file does.
    """
    with _opened(path) as image:
        width, height = image.size
        tags = _tags(image)
        if alpha is None and image.mode != "RGBA":
            raise MediaError(
                f"{path.name} has no alpha; name its matte with --matte, or take it as it is with --alpha opaque."
            )
        durations = _durations(path, image)
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
            for number, count in enumerate(times):
                frame = _frame(path, image, number)
                if mode == "opaque":
                    frame[..., 3] = 1
                yield from repeat(unpremultiplied(frame) if mode == "premultiplied" else frame, count)

    return ClipStream(info, frames)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        image = Image.open(path, formats=["WEBP"])
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, OSError, ValueError):
        raise MediaError(f"{path.name} is no WebP that can be read; copy or export it again.") from None
    except Image.DecompressionBombError:
        raise MediaError(f"{path.name} is too large to be read; use a smaller size.") from None
    with image:
        yield image


def _frame(path: Path, image: Image.Image, number: int) -> Frame:
    try:
        image.seek(number)
        pixels = np.asarray(image.convert("RGBA"))
    except (OSError, EOFError, ValueError):
        raise MediaError(
            f"Frame {number + 1} of {path.name} cannot be read; the file is damaged or incomplete."
        ) from None
    return pixels.astype(np.float32) / np.float32(255)


def _durations(path: Path, image: Image.Image) -> list[int]:
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
