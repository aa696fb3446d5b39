"""Another frame rate.

Frame k of the result stands for the time k / fps, and there are round(n * fps / old fps) of them: the duration stays to
within half a frame. Nothing is known of the time after the last frame, which is held.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise
from typing import Literal

import numpy as np
from pydantic import Field

from server.media.colour import Frame, linear_premultiplied
from server.media.rate import at_rate
from server.media.steps.linear import frame_of, mixed
from server.media.steps.settings import StepSettings
from server.media.stream import ClipInfo, ClipStream

Between = Callable[[Frame, Frame], Callable[[float], Frame]]


class Retime(StepSettings):
    """To `fps` frames a second.

    repeat  every frame is one of the clip's.
    blend   mixes the two frames around its time, in premultiplied linear light; towards a lower rate the mean of all
            that was on.
    motion  moves both frames to where things are at its time (see `motion`), then mixes them.
    """

    step: Literal["retime"] = "retime"
    fps: Fraction = Field(gt=0, le=1000)
    method: Literal["repeat", "blend", "motion"] = "repeat"

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Two frames are in memory."""
        ratio = stream.info.fps / self.fps
        if ratio == 1:
            return stream
        if self.method == "repeat":
            return at_rate(self.fps)(stream)
        count = max(round(stream.info.frame_count / ratio), 1)
        if self.method == "blend" and ratio > 1:
            return ClipStream(_info(stream, self, count), lambda: _means(stream, ratio, count))
        way: Between = _blend
        if self.method == "motion":
            # OpenCV takes long to load, and most clips do without.
            from server.media.steps.motion import between as way
        return ClipStream(_info(stream, self, count), lambda: _in_between(stream, ratio, count, way))


def _info(stream: ClipStream, settings: Retime, count: int) -> ClipInfo:
    return replace(stream.info, fps=settings.fps, frame_count=count)


def _blend(first: Frame, second: Frame) -> Callable[[float], Frame]:
    return lambda weight: mixed(first, second, weight)


def _in_between(stream: ClipStream, ratio: Fraction, count: int, way: Between) -> Generator[Frame, None, None]:
    """Frames at the places 0, ratio, 2 * ratio, ... between those of the clip; after the last one, the last one."""
    made = 0
    with closing(stream.frames()) as source:
        held: tuple[Frame | None, ...] = (None,)
        for index, (first, second) in enumerate(pairwise(chain(source, held))):
            assert first is not None
            at = way(first, second) if second is not None else None
            while made < count and (at is None or made * ratio < index + 1):
                place = float(made * ratio - index)
                yield first if at is None or place == 0 else at(place)
                made += 1


def _means(stream: ClipStream, ratio: Fraction, count: int) -> Iterator[Frame]:
    """Means over the stretches ratio * k to ratio * (k + 1) of the clip, every frame of which lasts 1."""
    made = 0
    light, under, weight = _nothing(stream)
    with closing(stream.frames()) as source:
        for index, frame in enumerate(source):
            start = Fraction(index)
            while start < index + 1 and made < count:
                end = min(Fraction(index + 1), ratio * (made + 1))
                share = np.float32(end - start)
                light, under, weight = (
                    light + share * linear_premultiplied(frame),
                    under + share * frame[..., :3],
                    weight + share,
                )
                start = end
                if end == ratio * (made + 1):
                    yield frame_of(light / weight, under / weight)
                    made += 1
                    light, under, weight = _nothing(stream)
    if made < count:
        # Rounding has made one more than fits; its stretch began in the last frame.
        yield frame_of(light / weight, under / weight)


def _nothing(stream: ClipStream) -> tuple[Frame, Frame, np.float32]:
    shape = (stream.info.height, stream.info.width)
    return np.zeros((*shape, 4), np.float32), np.zeros((*shape, 3), np.float32), np.float32(0)
