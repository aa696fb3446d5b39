"""How clips are timed, whatever their lengths and frame rates are."""

import dataclasses
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .sequence import Sequence
from .timing import Speed, Timing

AS_MADE = 0
FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Playback:
    """What Timing asks, without the clip and the scene.

    `repeats` is a number of runs, FOR_EVER, or AS_MADE: for ever for clips that were made to run on, else once. `fps`
    is for pictures that nothing says the rate of; None takes the scene's.
    """

    speed: Speed = Speed.DURATION
    stretch: int = 48
    reverse: bool = False
    ping_pong: bool = False
    repeats: int = AS_MADE
    hold_before: bool = False
    hold_after: bool = False
    fps: Fraction | None = None

    def timing(self, sequence: Sequence, scene_fps: Fraction, start: int) -> Timing:
        """The timing of pictures in a scene of `scene_fps` frames per second, from the scene frame `start` on."""
        repeats = self.repeats
        if repeats == AS_MADE:
            repeats = FOR_EVER if sequence.runs_on else 1
        return Timing(
            start=start,
            frame_count=sequence.frame_count,
            clip_fps=sequence.fps or self.fps or scene_fps,
            scene_fps=scene_fps,
            speed=self.speed,
            stretch=self.stretch,
            reverse=self.reverse,
            ping_pong=self.ping_pong,
            repeats=None if repeats == FOR_EVER else repeats,
            hold_before=self.hold_before,
            hold_after=self.hold_after,
        )

    def to_json(self) -> str:
        """As text that from_json reads."""
        told: dict[str, Any] = dataclasses.asdict(self)
        return json.dumps(told | {"fps": None if self.fps is None else str(self.fps)})

    @classmethod
    def from_json(cls, text: Any) -> "Playback":
        """What to_json gave; the defaults for what is no such text."""
        try:
            told = dict(json.loads(text))
            fps = told.pop("fps", None)
            playback = cls(**told | {"speed": Speed(told["speed"]), "fps": None if fps is None else Fraction(fps)})
        except (TypeError, ValueError, KeyError, ArithmeticError):
            return cls()
        return playback if playback._is_possible() else cls()

    def _is_possible(self) -> bool:
        numbers = type(self.stretch) is int and type(self.repeats) is int
        return numbers and self.stretch > 0 and self.repeats >= FOR_EVER and (self.fps is None or self.fps > 0)
