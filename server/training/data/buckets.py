"""Sizes and lengths that clips are trained at: each clip goes into the one that leaves most of it. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from server.training.data.base_model import BaseModelFacts


class Bucket(NamedTuple):
    """Width and height in pixels, and the number of frames, of all clips of a batch."""

    width: int
    height: int
    num_frames: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.num_frames}"


@dataclass(frozen=True)
class BucketPlan:
    """The buckets that there are: every size with every length.

    Attributes:
        sizes: widths and heights in pixels.
        lengths: numbers of frames, ascending.
    """

    sizes: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]

    @classmethod
    def for_model(
        cls, model: BaseModelFacts, sizes: Sequence[tuple[int, int]] = (), lengths: Sequence[int] = ()
    ) -> Self:
        """The buckets asked for, or, where nothing is, the model's own size and its own, half and quarter length.

        Raises DataError when the model cannot make one of them.
        """
        chosen = tuple(dict.fromkeys(sizes)) or ((model.width, model.height),)
        counts = tuple(sorted(set(lengths))) or _own_lengths(model)
        for width, height in chosen:
            model.check_size(width, height)
        for count in counts:
            model.check_length(count)
        return cls(chosen, counts)

    def choose(self, width: int, height: int, frame_count: int) -> Bucket | None:
        """The bucket of a clip of this size and length; None when it is shorter than all.

        The size is the one that cuts off least, of those the one whose area is nearest; the length the longest that the
        clip fills.
        """
        if width < 1 or height < 1:
            raise ValueError(f"{width} x {height} is no size")
        fitting = [count for count in self.lengths if count <= frame_count]
        if not fitting:
            return None
        size = min(self.sizes, key=lambda own: (1 - kept_share((width, height), own), _ratio(own, (width, height))))
        return Bucket(*size, fitting[-1])


def kept_share(size: tuple[int, int], target: tuple[int, int]) -> float:
    """How much of a picture of `size` is left when it is scaled to cover `target` and cut: 1 for the same shape."""
    wide, own = size[0] * target[1], target[0] * size[1]
    return min(wide, own) / max(wide, own)


def _ratio(first: tuple[int, int], second: tuple[int, int]) -> float:
    """How many times larger one area is than the other; at least 1."""
    ours, theirs = first[0] * first[1], second[0] * second[1]
    return max(ours, theirs) / min(ours, theirs)


def _own_lengths(model: BaseModelFacts) -> tuple[int, ...]:
    shorter = {model.length_below(model.num_frames // part) for part in (2, 4)}
    return tuple(sorted({model.num_frames} | {count for count in shorter if count is not None and count > 1}))
