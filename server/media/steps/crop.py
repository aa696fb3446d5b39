"""Cuts a clip to its effect, or moves the effect to the middle of its frame. Pixels are moved, never resampled."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from server.media.canvas import Canvas
from server.media.steps.bounds import VISIBLE, Bounds, bounds_of, cut_out, margin_warnings
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream


class Crop(StepSettings):
    """To the box of everything that is ever visible, with `margin` transparent pixels around it.

    Width and height become multiples of `multiple`, because many codecs want even sizes. The clip is read twice: the
    box is known only at its end. A note says where the box was, and the clip's `canvas` says it for programs.
    """

    step: Literal["crop"] = "crop"
    margin: int = Field(default=8, ge=0, le=10_000)
    threshold: float = Field(default=VISIBLE, gt=0, le=1)
    multiple: int = Field(default=2, ge=1, le=64)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        bounds = bounds_of(stream, self.threshold)
        if bounds is None:
            return _with_notes(stream, ["Nothing in this clip is visible, so it is not cropped."])
        width, height = (
            -(-(size + 2 * self.margin) // self.multiple) * self.multiple for size in (bounds.width, bounds.height)
        )
        left, top = _centred(bounds, width, height)
        where = (
            f"Cropped to {width} x {height} pixels, from {left} to the right and {top} down in the frame of "
            f"{stream.info.width} x {stream.info.height}."
        )
        cropped = stream.map(
            lambda frame: cut_out(frame, left, top, width, height),
            width=width,
            height=height,
            canvas=stream.info.whole_canvas.moved(left, top).unless_whole(width, height),
        )
        return _with_notes(cropped, [where, *_cut_off(stream, bounds)])


class Recentre(StepSettings):
    """The middle of everything that is ever visible comes to the middle of the frame, whose size stays.

    The clip is read twice. A cropped clip also moves in the picture that it was cut out of, until the effect's middle
    is that picture's: cropping before or after is the same.
    """

    step: Literal["recentre"] = "recentre"
    threshold: float = Field(default=VISIBLE, gt=0, le=1)

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        bounds = bounds_of(stream, self.threshold)
        if bounds is None:
            return _with_notes(stream, ["Nothing in this clip is visible, so it stays where it is."])
        width, height = stream.info.width, stream.info.height
        left, top = _centred(bounds, width, height)
        canvas = stream.info.canvas
        if canvas is not None:
            x, y = _centred(_in_canvas(bounds, canvas), canvas.width, canvas.height)
            canvas = canvas.moved(left - x, top - y).unless_whole(width, height)
        moved = stream.map(lambda frame: cut_out(frame, left, top, width, height), canvas=canvas)
        return _with_notes(moved, _cut_off(stream, bounds))


def _centred(bounds: Bounds, width: int, height: int) -> tuple[int, int]:
    """Left and top of a window whose middle is that of the box, to within half a pixel."""
    return (bounds.left + bounds.right - width) // 2, (bounds.top + bounds.bottom - height) // 2


def _in_canvas(bounds: Bounds, canvas: Canvas) -> Bounds:
    return Bounds(bounds.left + canvas.x, bounds.top + canvas.y, bounds.right + canvas.x, bounds.bottom + canvas.y)


def _cut_off(stream: ClipStream, bounds: Bounds) -> list[str]:
    return margin_warnings(bounds, stream.info, share=0)


def _with_notes(stream: ClipStream, notes: list[str]) -> ClipStream:
    return ClipStream(replace(stream.info, notes=(*stream.info.notes, *notes)), stream.frames)
