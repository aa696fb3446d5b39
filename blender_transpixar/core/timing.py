"""Which frame of a clip stands on which frame of the scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Speed(StrEnum):
    """How fast a clip runs in a scene of another frame rate."""

    DURATION = "DURATION"
    """It lasts as many seconds as it has: frames are held or skipped."""

    FRAMES = "FRAMES"
    """Each of its frames is shown for one frame of the scene."""

    STRETCH = "STRETCH"
    """One run through it lasts the given number of scene frames."""


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
    """A clip on the scene's timeline.

    Rates are in frames per second, `start` is the scene frame on which the clip's first frame appears, `frame_count`
    the clip's length in its own frames, `stretch` the scene frames that one run through them lasts (for Speed.STRETCH).
    `repeats` says how often it runs, None for ever. Reversed, it runs from its last frame to its first; with
    `ping_pong` each run goes there and back, without showing the frames at the turns twice. Where `hold_before` or
    `hold_after` is set, its first or last picture stands outside of these runs; else nothing is shown there.

    Indices count the clip's frames from 0.
    """

    start: int
    frame_count: int
    clip_fps: Fraction
    scene_fps: Fraction
    speed: Speed = Speed.DURATION
    stretch: int = 1
    reverse: bool = False
    ping_pong: bool = False
    repeats: int | None = 1
    hold_before: bool = False
    hold_after: bool = False

    @property
    def order(self) -> list[int]:
        """The clip's indices in the order in which one run shows them."""
        order = list(range(self.frame_count))
        if self.reverse:
            order.reverse()
        return order + order[-2:0:-1] if self.ping_pong else order

    @property
    def rate(self) -> Fraction:
        """Frames of the clip in one frame of the scene."""
        if self.speed is Speed.FRAMES:
            return Fraction(1)
        if self.speed is Speed.STRETCH:
            return Fraction(self.frame_count, self.stretch)
        return self.clip_fps / self.scene_fps

    @property
    def run(self) -> Fraction:
        """How many scene frames one run lasts."""
        return self._run_length / self.rate

    @property
    def end(self) -> int | None:
        """The first scene frame after the last run; None when it runs for ever."""
        return None if self.repeats is None else self.scene_frame_of(self.repeats * self._run_length)

    def scene_frame_of(self, position: int) -> int:
        """The first scene frame at which a position, counted in shown clip frames from 0, is due."""
        rate = self.rate
        # Rounded up, in whole numbers: this is asked for tens of thousands of positions.
        return self.start - (-position * rate.denominator // rate.numerator)

    def index_at(self, scene_frame: int) -> int | None:
        """The clip's frame on a scene frame, or None where nothing is shown."""
        return next((index for _, index in self.shown(scene_frame, scene_frame)), None)

    def changes(self, runs: int = 1) -> Iterator[tuple[int, int]]:
        """The (scene frame, clip index) pairs at which another picture is due, in order, each scene frame once.

        For a clip that runs for ever, those of the first `runs` runs.
        """
        order = self.order
        frame = self.start
        for position in range((self.repeats or runs) * len(order)):
            following = self.scene_frame_of(position + 1)
            # A clip faster than the scene skips the frames that share a scene frame with a later one.
            if frame < following:
                yield frame, order[position % len(order)]
            frame = following

    def shown(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The (scene frame, clip index) pairs of every scene frame from `first` to `last` that shows a picture."""
        # Asked once, since a scene has thousands of frames and a clip may have as many.
        order, rate = self.order, self.rate
        after = None if self.repeats is None else self.repeats * len(order)
        for frame in range(first, last + 1):
            position = (frame - self.start) * rate.numerator // rate.denominator
            if position < 0:
                if self.hold_before:
                    yield frame, order[0]
            elif after is None or position < after:
                yield frame, order[position % len(order)]
            elif self.hold_after:
                yield frame, order[-1]

    @property
    def _run_length(self) -> int:
        """How many pictures one run shows."""
        return max(2 * self.frame_count - 2, 1) if self.ping_pong else self.frame_count
