"""A recipe: the steps that a clip goes through, in order, as one object that is written down beside the result.

The order is the recipe's own; `ordered` gives the usual one: which frames, what alpha is, its edges, the picture's
frame, then time, and size last, where it costs least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.media.errors import MediaError
from server.media.steps.background import RemoveBackground
from server.media.steps.choke import Choke
from server.media.steps.crop import Crop, Recentre
from server.media.steps.edges import FadeEdges
from server.media.steps.extension import Extend
from server.media.steps.levels import Levels
from server.media.steps.loop import Loop
from server.media.steps.luma_key import LumaKey
from server.media.steps.order import Hold, PingPong, Reverse, Trim
from server.media.steps.resize import Resize
from server.media.steps.retime import Retime
from server.media.steps.smoothing import Smooth
from server.media.stream import ClipStream

Step = Annotated[
    Trim
    | LumaKey
    | RemoveBackground
    | Levels
    | Smooth
    | Choke
    | FadeEdges
    | Extend
    | Crop
    | Recentre
    | Retime
    | Reverse
    | PingPong
    | Loop
    | Hold
    | Resize,
    Field(discriminator="step"),
]

_USUAL_ORDER = (
    *("trim", "luma_key", "remove_background", "levels", "smooth", "choke", "fade_edges", "extend", "crop", "recentre"),
    *("retime", "reverse", "ping_pong", "loop", "hold", "resize"),
)

# Each step draws on the one before it, so many would run into Python's limit on calls within calls.
MAX_STEPS = 100


class Recipe(BaseModel):
    """Steps in the order in which they are done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["transpixar-finishing"] = "transpixar-finishing"
    format_version: Literal[1] = 1
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)

    @classmethod
    def ordered(cls, steps: Iterable[Step]) -> Self:
        """The steps in their usual order."""
        return cls(steps=tuple(sorted(steps, key=lambda step: _USUAL_ORDER.index(step.step))))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A recipe from JSON. Raises MediaError with a sentence that names the step and the setting."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise MediaError(recipe_problem(error.errors())) from None

    def to_json(self) -> str:
        """As JSON text with indentation."""
        return self.model_dump_json(indent=2) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """As what JSON is made of."""
        return self.model_dump(mode="json")

    def apply(self, stream: ClipStream) -> ClipStream:
        """The clip after all steps. Raises MediaError when one is not possible."""
        return stream.through(*self.steps)


def recipe_problem(errors: Sequence[Mapping[str, Any]]) -> str:
    """A sentence about what pydantic found wrong with a recipe; `errors` is its list. Only the first is told."""
    first = errors[0]
    message = first["msg"].removeprefix("Value error, ")
    place = [part for part in first["loc"] if part != "steps"]
    if place and isinstance(place[0], int):
        step = " ".join(str(part) for part in place[1:])
        return f"Step {place[0] + 1} of the recipe is not possible ({step + ': ' if step else ''}{message})."
    where = ".".join(str(part) for part in place)
    return f"This is no finishing recipe ({where + ': ' if where else ''}{message})."
