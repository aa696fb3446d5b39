"""A clip that repeats without a jump: its end dissolves into its beginning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Literal

from pydantic import Field

from server.media.colour import Frame
from server.media.errors import MediaError
from server.media.steps.linear import mixed
from server.media.steps.settings import StepSettings
from server.media.steps.spool import Spool
from server.media.stream import ClipStream


class Loop(StepSettings):
    """The last `overlap` frames are mixed with the first ones, which leave the beginning.

    The clip gets `overlap` frames shorter and begins at its frame `overlap` + 1. Without `overlap` a quarter of the
    frames.
    """

    step: Literal["loop"] = "loop"
    overlap: int | None = Field(default=None, ge=1)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Raises MediaError when the clip is shorter than two overlaps."""
        info = stream.info
        overlap = self.overlap or max(info.frame_count // 4, 1)
        if 2 * overlap > info.frame_count:
            raise MediaError(
                f"{info.name} has {info.frame_count} frames, too few for an overlap of {overlap}; use at most "
                f"{info.frame_count // 2}."
            )
        length = info.frame_count - overlap

        def frames() -> Iterator[Frame]:
            with Spool(info.width, info.height) as beginning, closing(stream.frames()) as source:
                for index, frame in enumerate(source):
                    if index < overlap:
                        beginning.append(frame)
                    elif index < length:
                        yield frame
                    else:
                        # After the last of these comes frame `overlap`, where the weight would be 1.
                        place = index - length
                        yield mixed(frame, beginning[place], (place + 1) / (overlap + 1))

        return ClipStream(replace(info, frame_count=length), frames)
