"""A clip as a lazy sequence of frames and a small description; a step maps one to another.

Readers make a `ClipStream`, steps change it, writers drain it. One frame at a time is in memory, however long the clip:

    stream = open_clip(path).through(at_rate(Fraction(24)))
    export(stream, "prores4444", target)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from server.media.canvas import Canvas
from server.media.colour import Frame
from server.media.errors import MediaError

AlphaMode = Literal["straight", "premultiplied", "opaque"]
ColourSpace = Literal["sRGB", "Linear Rec.709"]


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    `alpha_mode` (`opaque`: there is no alpha), `colour_space` and `bit_depth` tell how the source stores the clip; the
    frames of a stream are always straight, sRGB and float. Size in pixels, `fps` in frames a second. `metadata` holds
    `prompt`, `seed` and the like as text. `notes` are sentences about what had to be assumed. `canvas` is the picture
    that a cropped clip was cut out of.
    """

    name: str
    width: int
    height: int
    fps: Fraction
    frame_count: int
    alpha_mode: AlphaMode = "straight"
    colour_space: ColourSpace = "sRGB"
    bit_depth: int = 8
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    canvas: Canvas | None = None

    @property
    def whole_canvas(self) -> Canvas:
        """The picture that the clip is a part of, which is the clip itself unless it was cropped."""
        return self.canvas or Canvas(self.width, self.height, 0, 0)

    @property
    def seconds(self) -> Fraction:
        """How long the clip lasts."""
        return self.frame_count / self.fps


class ClipStream:
    """A clip whose frames are made when they are asked for, each time anew.

    `open_frames` begins a new reading: an iterator over frames, float32 (H, W, 4), straight alpha, display-encoded
    sRGB. Closing the iterator ends the reading (a generator's `finally`). Nobody changes a frame in place.
    """

    def __init__(self, info: ClipInfo, open_frames: Callable[[], Iterator[Frame]]) -> None:
        self.info = info
        self._open_frames = open_frames

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame from the first on. Raises MediaError when one is not what `info` says, or one is missing."""
        info = self.info
        shape = (info.height, info.width, 4)
        count = 0
        for count, frame in enumerate(self._open_frames(), start=1):
            if frame.shape != shape or frame.dtype != np.float32:
                raise MediaError(
                    f"Frame {count} of {info.name} is {frame.dtype} {frame.shape}, and {shape} was expected."
                )
            if count > info.frame_count:
                raise MediaError(f"{info.name} has more than the {info.frame_count} frames that it should have.")
            yield frame
        if count != info.frame_count:
            raise MediaError(f"{info.name} has {count} of the {info.frame_count} frames that it should have.")

    def through(self, *steps: Step) -> ClipStream:
        """This clip after the steps, in their order."""
        stream = self
        for step in steps:
            stream = step(stream)
        return stream

    def map(self, change: Callable[[Frame], Frame], **info_changes: Any) -> ClipStream:
        """This clip with every frame replaced by `change(frame)`; `info_changes` replace fields of `info`."""
        return ClipStream(replace(self.info, **info_changes), lambda: map(change, self.frames()))


Step = Callable[[ClipStream], ClipStream]
