"""Image sequences out of clips. A writer fills a folder that does not exist yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.media.colour import Frame, Integers, linear_premultiplied, quantised
from server.media.images import write_image
from server.media.stream import AlphaMode, ClipInfo, ClipStream
from server.media.tags import SOFTWARE, tags_of

Stored = Integers | Frame


@dataclass(frozen=True)
class SequenceWriter:
    """One kind of sequence: `stored` turns a frame (H, W, 4) into what the file holds (H, W, C)."""

    suffix: str
    alpha_mode: AlphaMode
    stored: Callable[[Frame], Stored]
    half: bool = False

    def __call__(self, stream: ClipStream, target: Path) -> None:
        """Write `target`/0001 and so on. Raises MediaError and OSError."""
        target.mkdir()
        attributes = self._attributes(stream.info)
        with closing(stream.frames()) as frames:
            for number, frame in enumerate(frames, start=1):
                write_image(target / f"{number:04d}{self.suffix}", self.stored(frame), attributes, half=self.half)

    def _attributes(self, info: ClipInfo) -> dict[str, Any]:
        attributes: dict[str, Any] = {"Software": SOFTWARE, **tags_of(info, self.alpha_mode)}
        if self.suffix == ".exr":
            attributes["FramesPerSecond"] = info.fps
            # ZIP in blocks of 16 rows: lossless, and what Blender and Nuke write by default.
            attributes["compression"] = "zip"
            attributes["oiio:ColorSpace"] = "lin_rec709_scene"
        return attributes


def _half_linear(frame: Frame) -> Frame:
    # The largest half, so that light brighter than that does not become infinite.
    return np.clip(linear_premultiplied(frame), -65504, 65504)


write_png8 = SequenceWriter(".png", "straight", lambda frame: quantised(frame, 8))
write_png16 = SequenceWriter(".png", "straight", lambda frame: quantised(frame, 16))
write_exr = SequenceWriter(".exr", "premultiplied", _half_linear, half=True)
write_matte_sequence = SequenceWriter(".png", "opaque", lambda frame: quantised(frame[..., 3:], 8))
