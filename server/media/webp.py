"""Animated WebP: straight alpha, 8 bits, for sharing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image

from server.media.colour import Frame, quantised
from server.media.errors import MediaError
from server.media.stream import ClipInfo, ClipStream
from server.media.tags import tags_of

_QUALITY = 90
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
