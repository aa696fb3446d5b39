"""Which frames, in which order: trim, reverse, ping-pong, hold. No frame is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice, repeat
from typing import Literal, Self

from pydantic import Field, model_validator

from server.media.colour import Frame
from server.media.errors import MediaError
from server.media.steps.settings import StepSettings
from server.media.steps.spool import Spool
from server.media.stream import ClipStream


class Trim(StepSettings):
    """The frames from `first` to `last`, both included, numbered from 1; without `last` to the end."""

    step: Literal["trim"] = "trim"
    first: int = Field(default=1, ge=1)
    last: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError("the first frame must not come after the last")
        return self

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Raises MediaError when the clip is shorter."""
        count = stream.info.frame_count
        last = count if self.last is None else self.last
        if max(self.first, last) > count:
            wrong = max(self.first, last)
            raise MediaError(f"{stream.info.name} has no frame {wrong}; trim it to frames from 1 to {count}.")

        def frames() -> Iterator[Frame]:
            with closing(stream.frames()) as source:
                yield from islice(source, self.first - 1, last)

        return ClipStream(replace(stream.info, frame_count=last - self.first + 1), frames)


class Reverse(StepSettings):
    """The last frame first."""

    step: Literal["reverse"] = "reverse"

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""

        def frames() -> Iterator[Frame]:
            with _spool_of(stream) as spool, closing(stream.frames()) as source:
                for frame in source:
                    spool.append(frame)
                for index in reversed(range(len(spool))):
                    yield spool[index]

        return ClipStream(stream.info, frames)


class PingPong(StepSettings):
    """Forwards, then backwards, without the first and the last frame twice: it repeats without a stop."""

    step: Literal["ping_pong"] = "ping_pong"

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        count = stream.info.frame_count

        def frames() -> Iterator[Frame]:
            with _spool_of(stream) as spool, closing(stream.frames()) as source:
                for frame in source:
                    spool.append(frame)
                    yield frame
                for index in range(count - 2, 0, -1):
                    yield spool[index]

        return ClipStream(replace(stream.info, frame_count=max(2 * count - 2, 1)), frames)


class Hold(StepSettings):
    """The first frame is shown `start` frames longer, the last one `end` frames longer."""

    step: Literal["hold"] = "hold"
    start: int = Field(default=0, ge=0, le=100_000)
    end: int = Field(default=0, ge=0, le=100_000)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        count = stream.info.frame_count

        def frames() -> Iterator[Frame]:
            with closing(stream.frames()) as source:
                for number, frame in enumerate(source, start=1):
                    times = 1 + (self.start if number == 1 else 0) + (self.end if number == count else 0)
                    yield from repeat(frame, times)

        return ClipStream(replace(stream.info, frame_count=self.start + count + self.end), frames)


def _spool_of(stream: ClipStream) -> Spool:
    return Spool(stream.info.width, stream.info.height)
