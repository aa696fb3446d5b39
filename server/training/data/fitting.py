"""Brings a clip to the rate, size and length of its bucket. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame
from server.media.rate import at_rate
from server.media.steps.resize import resized
from server.media.stream import ClipStream

Frames = npt.NDArray[np.float32]


def at_training_rate(stream: ClipStream, fps: Fraction | None) -> ClipStream:
    """The clip at `fps` frames a second, by leaving out or repeating frames; as it is for None."""
    return stream if fps is None or fps == stream.info.fps else stream.through(at_rate(fps))


def starts_of_parts(frame_count: int, length: int, most: int) -> tuple[int, ...]:
    """Where a clip is cut into parts of `length` frames that do not overlap: up to `most`, evenly spaced, the first
    at the beginning and the last at the end."""
    parts = min(frame_count // length, most)
    if parts <= 1:
        return (0,) if parts else ()
    spare = frame_count - length
    return tuple(part * spare // (parts - 1) for part in range(parts))


def cover(stream: ClipStream, width: int, height: int) -> ClipStream:
    """The clip scaled to fill a size, and cut evenly at the sides that stick out."""
    left, top, wide, high = middle_part((stream.info.width, stream.info.height), (width, height))

    def fitted(frame: Frame) -> Frame:
        cut = frame[top : top + high, left : left + wide]
        return cut if (wide, high) == (width, height) else resized(cut, width, height)

    def frames() -> Iterator[Frame]:
        with closing(stream.frames()) as source:
            yield from map(fitted, source)

    return ClipStream(replace(stream.info, width=width, height=height), frames)


def middle_part(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part of a picture with the shape of `target`: left, top, width and height in whole pixels."""
    scale = min(size[0] / target[0], size[1] / target[1])
    wide = min(max(round(target[0] * scale), 1), size[0])
    high = min(max(round(target[1] * scale), 1), size[1])
    return (size[0] - wide) // 2, (size[1] - high) // 2, wide, high


def parts_of(stream: ClipStream, starts: Sequence[int], length: int) -> Iterator[Frames]:
    """The parts that begin at `starts`, ascending and without overlap, each (length, H, W, 4). Raises MediaError.

    One part is in memory; what comes after the last one is not read.
    """
    waiting, part = list(starts), list[Frame]()
    with closing(stream.frames()) as source:
        for index, frame in enumerate(source):
            if not waiting:
                return
            if index >= waiting[0]:
                part.append(frame)
            if len(part) == length:
                yield np.stack(part)
                part, waiting = [], waiting[1:]
                if not waiting:
                    return
