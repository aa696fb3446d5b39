"""Which frame of a clip stands on which frame of the scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor


def scene_rate(fps: int, fps_base: float) -> Fraction:
    """Blender's frame rate as an exact fraction: 30 and 1.001 give 30000/1001.

    `fps_base` is a 32-bit float in Blender, so it is snapped to the nearest fraction of small numbers.
    """
    return Fraction(fps) / Fraction(fps_base).limit_denominator(1001)


def clip_rate(fps: float) -> Fraction:
    """A clip's frame rate, which its sidecar gives as a JSON number, as an exact fraction."""
    return Fraction(fps).limit_denominator(1001)


@dataclass(frozen=True, slots=True)
class Timing:
    """A clip that keeps its duration in seconds, standing in a scene of another frame rate.

    Rates are in frames per second, `start` is the scene frame on which the clip's first frame appears, `frame_count`
    the clip's length in its own frames. Indices count the clip's frames from 0.
    """

    start: int
    frame_count: int
    clip_fps: Fraction
    scene_fps: Fraction

    @property
    def end(self) -> int:
        """The first scene frame after the clip."""
        return self.scene_frame_of(self.frame_count)

    def scene_frame_of(self, index: int) -> int:
        """The first scene frame at which frame `index` of the clip is due."""
        return self.start + ceil(index * self.scene_fps / self.clip_fps)

    def index_at(self, scene_frame: int) -> int | None:
        """The clip's frame on a scene frame, or None before the start and after the end."""
        index = floor((scene_frame - self.start) * self.clip_fps / self.scene_fps)
        return index if 0 <= index < self.frame_count else None

    def changes(self) -> Iterator[tuple[int, int]]:
        """The (scene frame, clip index) pairs at which the picture changes, in order, each scene frame once."""
        for index in range(self.frame_count):
            frame = self.scene_frame_of(index)
            # A clip faster than the scene skips the frames that share a scene frame with a later one.
            if frame < self.scene_frame_of(index + 1):
                yield frame, index
