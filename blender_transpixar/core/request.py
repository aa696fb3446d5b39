"""The request for a clip, as `POST /v1/videos` takes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import InvalidRequestError
from .typed_text import is_blank


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """Everything a clip depends on; None leaves a value to the model's defaults (for `seed`: to chance).

    `width` and `height` are in pixels, `num_frames` in frames of the clip. `first_frame` and `footage` are the ids of
    uploads; the first `footage_start` frames of the footage are left out. `num_clips` clips are made with consecutive
    seeds. `clean_up` False leaves alpha as the model made it, with its haze and cut off by the frame.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    steps: int | None = None
    guidance: float | None = None
    cfg_schedule: str | None = None
    text_to_alpha: str | None = None
    quality: str | None = None
    memory_plan: str | None = None
    model: str | None = None
    num_clips: int | None = None
    loop: bool | None = None
    clean_up: bool | None = None
    first_frame: str | None = None
    footage: str | None = None
    footage_start: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no model could take; sizes and counts are the server's to judge. Raises InvalidRequestError."""
        if is_blank(self.prompt):
            raise InvalidRequestError(
                'The prompt is empty. Describe an effect, for example "a puff of orange smoke".',
                code="prompt_empty",
                field="prompt",
            )

    def to_json(self) -> dict[str, Any]:
        """The body of `POST /v1/videos`, without the values left to the model."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ClipRequest":
        """The request stored in a job or a sidecar; fields of newer servers are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})
