"""How a clip is finished: what the panel offers, as the server's recipe, and a recipe in a few words.

A recipe is `{"format": "transpixar-finishing", "format_version": 1, "steps": [{"step": "choke", "pixels": 1.0}, ...]}`;
its steps are done in their order. `GET /v1/formats` answers with the JSON schema of all steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .errors import InvalidRequestError

Step = dict[str, Any]
# Both ends meet after these, so the clip can run on and on.
_REPEATING = {"loop", "ping_pong"}


@dataclass(frozen=True, slots=True)
class Finishing:
    """The settings of the panel; each default leaves the clip as it is.

    `background` is "keep", "auto" (find the colour) or "colour" (take `background_colour`, display-encoded, 0..1).
    `black`, `white` and `gamma` are alpha's levels. `choke` is in pixels, inwards when positive. Alpha
    fades to 0 over the outermost `fade_edges` pixels of the frame. `repeat` is "once",
    "loop" (the end dissolves into the beginning over `overlap` frames; 0: a quarter of the clip) or "ping_pong".
    `fps` None keeps the clip's rate; `method` is "repeat", "blend" or "motion". `scale` multiplies width and height.
    The frames `trim_first` to `trim_last` (from 1, both included; 0: the last there is) are kept. `hold_start` and
    `hold_end` are how many frames longer the first and the last picture stay. `extend_below` is the alpha up to which
    pixels take the colour around them, None to leave them; `crop_margin` the pixels around the effect that a crop
    leaves, None not to crop.
    """

    trim_first: int = 1
    trim_last: int = 0
    luma_key: bool = False
    background: str = "keep"
    background_colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    black: float = 0.0
    white: float = 1.0
    gamma: float = 1.0
    smooth: bool = False
    choke: float = 0.0
    fade_edges: float = 0.0
    extend_below: float | None = None
    crop_margin: int | None = None
    recentre: bool = False
    fps: Fraction | None = None
    method: str = "blend"
    reverse: bool = False
    repeat: str = "once"
    overlap: int = 0
    hold_start: int = 0
    hold_end: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what contradicts itself or changes nothing. Raises InvalidRequestError."""
        if self.black >= self.white:
            raise InvalidRequestError(
                "The black point of alpha must be below its white point. Lower Black or raise White.", field="black"
            )
        if 0 < self.trim_last < self.trim_first:
            raise InvalidRequestError(
                "The first frame to keep comes after the last one. Lower From Frame or raise To Frame.",
                field="trim_first",
            )
        if not self.to_json()["steps"]:
            raise InvalidRequestError("Nothing is set to finish. Change a setting under Finish first.", field="steps")

    def to_json(self) -> dict[str, Any]:
        """The recipe, its steps in the usual order: which frames, what alpha is, its edges, the frame, time, size."""
        return {
            "format": "transpixar-finishing",
            "format_version": 1,
            "steps": [
                *self._trim_steps(),
                *self._alpha_steps(),
                *self._frame_steps(),
                *self._time_steps(),
                *self._size_steps(),
            ],
        }

    def _trim_steps(self) -> list[Step]:
        if self.trim_first <= 1 and self.trim_last <= 0:
            return []
        return [{"step": "trim", "first": self.trim_first, "last": self.trim_last or None}]

    def _alpha_steps(self) -> list[Step]:
        steps: list[Step] = []
        if self.luma_key:
            steps.append({"step": "luma_key"})
        if self.background != "keep":
            colour = "auto" if self.background == "auto" else list(self.background_colour)
            steps.append({"step": "remove_background", "colour": colour})
        if (self.black, self.white, self.gamma) != (0.0, 1.0, 1.0):
            steps.append({"step": "levels", "black": self.black, "white": self.white, "gamma": self.gamma})
        if self.smooth:
            steps.append({"step": "smooth"})
        if self.choke:
            steps.append({"step": "choke", "pixels": self.choke})
        if self.fade_edges:
            steps.append({"step": "fade_edges", "pixels": self.fade_edges})
        if self.extend_below is not None:
            steps.append({"step": "extend", "below": self.extend_below})
        return steps

    def _frame_steps(self) -> list[Step]:
        steps: list[Step] = []
        if self.crop_margin is not None:
            steps.append({"step": "crop", "margin": self.crop_margin})
        if self.recentre:
            steps.append({"step": "recentre"})
        return steps

    def _time_steps(self) -> list[Step]:
        steps: list[Step] = []
        if self.fps is not None:
            steps.append({"step": "retime", "fps": str(self.fps), "method": self.method})
        if self.reverse:
            steps.append({"step": "reverse"})
        if self.repeat == "loop":
            steps.append({"step": "loop", "overlap": self.overlap or None})
        elif self.repeat == "ping_pong":
            steps.append({"step": "ping_pong"})
        if self.hold_start or self.hold_end:
            steps.append({"step": "hold", "start": self.hold_start, "end": self.hold_end})
        return steps

    def _size_steps(self) -> list[Step]:
        return [] if self.scale == 1.0 else [{"step": "resize", "scale": self.scale}]


def repeats(recipe: Mapping[str, Any] | None) -> bool:
    """Whether a clip after this recipe (None: a raw clip) was made to run on and on."""
    return any(str(step.get("step")) in _REPEATING for step in _steps_of(recipe))


def summary(recipe: Mapping[str, Any] | None) -> str:
    """A recipe in a few words: "levels, choke 1 px, 24 fps"; steps of newer servers by their names."""
    return ", ".join(_words_for(step) for step in _steps_of(recipe)) or "nothing changed"


def _steps_of(recipe: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    # Read from a file, so nothing is taken for granted.
    steps = (recipe or {}).get("steps")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _words_for(step: Mapping[str, Any]) -> str:
    name = str(step.get("step", "?"))
    if name == "choke":
        return f"choke {_number(step.get('pixels'))} px"
    if name == "retime":
        return f"{_number(step.get('fps'))} fps"
    if name == "resize":
        return f"{_number(step.get('scale'))}x"
    if name == "ping_pong":
        return "ping-pong"
    return name.replace("_", " ")


def _number(value: Any) -> str:
    try:
        return f"{float(Fraction(str(value))):.4g}"
    except (ValueError, ArithmeticError):
        return "?"
