"""What the server and the process of an export say to each other: lines of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from server.media.steps.recipe import Recipe


class ExportOrder(BaseModel):
    """To write the clip in `clip_folder` in a format, after a recipe, into `folder`, which is not there yet.

    See `server.media.hand_off` for the rest.
    """

    model_config = ConfigDict(frozen=True)

    clip_folder: Path
    format: str
    recipe: Recipe
    folder: Path
    max_pixels: int

    def to_line(self) -> bytes:
        """As one line."""
        return self.model_dump_json().encode() + b"\n"


class ExportProblem(BaseModel):
    """Why a clip was not written: a stable code and a sentence that says what to do."""

    model_config = ConfigDict(frozen=True)

    code: Literal["not_convertible", "clip_too_large"]
    message: str


class ExportProgress(BaseModel):
    """`frames_done` of the `frames_total` that the result has are written; sent again and again before the outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames_done: int
    frames_total: int

    def to_line(self) -> bytes:
        """As one line."""
        return self.model_dump_json().encode() + b"\n"


class ExportOutcome(BaseModel):
    """The name of the file in the order's folder, or the problem: the last line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = None
    problem: ExportProblem | None = None

    def to_line(self) -> bytes:
        """As one line."""
        return self.model_dump_json().encode() + b"\n"


EXPORT_REPORTS: TypeAdapter[ExportProgress | ExportOutcome] = TypeAdapter(ExportProgress | ExportOutcome)
