"""Another frame rate for a clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from server.media.colour import Frame
from server.media.stream import ClipStream, Step


def at_rate(fps: Fraction) -> Step:
    """A step to `fps` frames a second that repeats or drops frames: frame k shows what was on at the time k / fps.

    The duration stays, to within a frame.
    """

    def step(stream: ClipStream) -> ClipStream:
        ratio = stream.info.fps / fps
        count = max(round(stream.info.frame_count / ratio), 1)

        def frames() -> Iterator[Frame]:
            made = 0
            for index, frame in enumerate(stream.frames()):
                # The last frame stands for whatever rounding leaves after it.
                last = index == stream.info.frame_count - 1
                while made < count and (last or int(made * ratio) == index):
                    made += 1
                    yield frame

        return ClipStream(replace(stream.info, fps=fps, frame_count=count), frames)

    return step
