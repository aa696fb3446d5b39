"""Where in the frame an effect is, over the whole clip."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame
from server.media.stream import ClipInfo, ClipStream

# Half of the smallest step that 8 bits can show above nothing.
VISIBLE = 1.5 / 255


@dataclass(frozen=True)
class Bounds:
    """A box in pixels: columns `left` up to, without, `right`, and rows `top` up to, without, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


def bounds_of(stream: ClipStream, threshold: float = VISIBLE) -> Bounds | None:
    """The smallest box that holds every pixel whose alpha reaches `threshold`, in any frame; None without any.

    Reads the clip from its first frame to its last. Raises MediaError.
    """
    rows = np.zeros(stream.info.height, bool)
    columns = np.zeros(stream.info.width, bool)
    with closing(stream.frames()) as frames:
        for frame in frames:
            seen = frame[..., 3] >= threshold
            rows |= seen.any(axis=1)
            columns |= seen.any(axis=0)
    if not rows.any():
        return None
    (top, bottom), (left, right) = _ends(rows), _ends(columns)
    return Bounds(left, top, right, bottom)


def distances(bounds: Bounds, info: ClipInfo) -> dict[str, int]:
    """Pixels between the box and each side of the frame."""
    return {
        "left": bounds.left,
        "right": info.width - bounds.right,
        "top": bounds.top,
        "bottom": info.height - bounds.bottom,
    }


def margin_warnings(bounds: Bounds | None, info: ClipInfo, share: float = 0.05) -> list[str]:
    """Sentences about sides that the effect touches, or comes nearer to than `share` of the frame's width or height."""
    if bounds is None:
        return []
    sentences = []
    for side, distance in distances(bounds, info).items():
        length = info.width if side in ("left", "right") else info.height
        if distance == 0:
            sentences.append(f"The effect touches the frame's {side} edge, where it will look cut off.")
        elif distance < share * length:
            sentences.append(f"The effect comes within {distance} pixels of the frame's {side} edge.")
    return sentences


def cut_out(frame: Frame, left: int, top: int, width: int, height: int) -> Frame:
    """A part (height, width, 4) of a frame (H, W, 4); what lies outside of the frame is transparent.

    There the colour is that of the frame's edge.
    """
    rows, inside_rows = _places(top, height, frame.shape[0])
    columns, inside_columns = _places(left, width, frame.shape[1])
    part = frame[rows[:, None], columns[None, :]]
    part[..., 3] *= inside_rows[:, None] & inside_columns[None, :]
    return part


def _places(start: int, length: int, available: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    places = np.arange(start, start + length)
    return np.clip(places, 0, available - 1), (places >= 0) & (places < available)


def _ends(found: npt.NDArray[np.bool_]) -> tuple[int, int]:
    places = np.flatnonzero(found)
    return int(places[0]), int(places[-1]) + 1
