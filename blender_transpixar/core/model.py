"""A model as `GET /v1/models` describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a request gets for what it leaves out. Sizes in pixels, `fps` in frames a second."""

    width: int
    height: int
    num_frames: int
    steps: int
    guidance: float
    fps: float = 8.0
    quality: str = "exact"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may ask for. Sizes in pixels; `num_frames` must be `k * frames_multiple + 1`."""

    size_multiple: int
    min_size: int
    max_width: int
    max_height: int
    frames_multiple: int
    min_frames: int
    max_frames: int
    max_steps: int
    max_guidance: float
    max_prompt_characters: int
    max_clips: int = 16


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the server. `tasks` are "text", "image" and "footage", `state` is "ready" or says what is missing.

    `problem` is the server's sentence about that.
    """

    name: str
    title: str
    description: str
    tasks: tuple[str, ...]
    state: str
    defaults: Defaults
    limits: Limits
    problem: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Model | None":
        """The model of an answer's object; None when it lacks something, as that of an older server may."""
        try:
            return cls(
                name=str(data["name"]),
                title=str(data.get("title") or data["name"]),
                description=str(data.get("description") or ""),
                tasks=tuple(data.get("tasks") or ("text",)),
                state=str(data.get("state") or "ready"),
                defaults=Defaults(**_known(Defaults, data["defaults"])),
                limits=Limits(**_known(Limits, data["limits"])),
                problem=data.get("problem"),
            )
        except (KeyError, TypeError, AttributeError):
            return None


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that `cls` has a field for; newer servers may send more."""
    names = {field.name for field in fields(cls)}
    return {name: value for name, value in data.items() if name in names}
