"""Alpha as a picture of its own, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from server.media.colour import LUMA, Frame
from server.media.errors import MediaError
from server.media.stream import ClipStream


def luma_matte(frame: Frame) -> Frame:
    """The alpha of a frame as an opaque grey picture, both (H, W, 4)."""
    matte = np.ones_like(frame)
    matte[..., :3] = frame[..., 3:]
    return matte


def with_matte(colour: ClipStream, matte: ClipStream) -> ClipStream:
    """The clip of `colour` (its own alpha is ignored) whose alpha is the brightness of `matte`.

    Raises MediaError when the two differ in size or length.
    """
    ours, theirs = colour.info, matte.info
    if (ours.width, ours.height) != (theirs.width, theirs.height):
        raise MediaError(
            f"{ours.name} is {ours.width} x {ours.height} and its matte {theirs.name} {theirs.width} x {theirs.height}"
            "; both must have the same size."
        )
    if ours.frame_count != theirs.frame_count:
        raise MediaError(
            f"{ours.name} has {ours.frame_count} frames and its matte {theirs.name} {theirs.frame_count}; both must "
            "have the same number."
        )

    def frames() -> Iterator[Frame]:
        with closing(colour.frames()) as pictures, closing(matte.frames()) as mattes:
            for picture, grey in zip(pictures, mattes, strict=True):
                alpha = np.clip(grey[..., :3] @ LUMA, 0, 1)
                yield np.concatenate([picture[..., :3], alpha[..., None]], axis=-1)

    depth = min(ours.bit_depth, theirs.bit_depth)
    notes = tuple(dict.fromkeys(ours.notes + theirs.notes))
    return ClipStream(replace(ours, alpha_mode="straight", bit_depth=depth, notes=notes), frames)
