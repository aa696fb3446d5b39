"""Clips that are there twice, also in two formats. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from server.media.colour import premultiplied
from server.training.data.report import CheckedClip, Problem, Thumbnails

_GRID = 12
# What a lossy format may change in the mean of a square of pixels.
_SAME = 4 / 255


def problems_of_duplicates(clips: Sequence[CheckedClip]) -> Iterator[Problem]:
    """A warning for every clip that looks like an earlier one: as many frames, and the same in a few of them."""
    signatures: dict[int, list[tuple[str, npt.NDArray[np.float32]]]] = {}
    for clip in clips:
        if not clip.thumbnails or clip.frame_count is None or not clip.highest_alpha:
            continue
        own, earlier = signature(clip.thumbnails), signatures.setdefault(clip.frame_count, [])
        twin = next((name for name, other in earlier if np.abs(own - other).max() <= _SAME), None)
        if twin is not None:
            yield Problem(clip.name, "warning", "duplicate", f"It is the same clip as {twin}; remove one of the two.")
        else:
            earlier.append((clip.name, own))


def signature(thumbnails: Thumbnails) -> npt.NDArray[np.float32]:
    """Premultiplied colour and alpha of a few frames in a coarse grid: (T * 12 * 12 * 4,)."""
    rows = []
    for frame in thumbnails:
        visible = premultiplied(frame)
        planes = [Image.fromarray(np.ascontiguousarray(visible[..., c])) for c in range(4)]
        rows.append([np.asarray(plane.resize((_GRID, _GRID), Image.Resampling.BOX)) for plane in planes])
    return np.asarray(rows, np.float32).ravel()
