"""What the API takes and answers about formats and finishing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from server.media.hand_off_formats import HAND_OFFS
from server.media.steps.recipe import Recipe

# For the description of the API; another name gets an error that lists them.
FORMAT_NAMES: list[Any] = list(HAND_OFFS)


class ContentRequest(BaseModel):
    """A wish for clip `clip` (from 1) of a video in a format; without `finishing` as it is."""

    model_config = ConfigDict(extra="forbid")

    clip: Annotated[StrictInt, Field(ge=1, le=2**31)] | None = 1
    format: Annotated[str, Field(json_schema_extra={"enum": FORMAT_NAMES})]
    finishing: Recipe | None = None


class ExportBody(BaseModel):
    """How far an export is. `frames_total` is null while steps look at the whole clip before anything is written."""

    key: str
    frames_done: int
    frames_total: int | None


class FormatBody(BaseModel):
    """A format: `suffix` is that of its file, empty for a format of many files, which come in a zip."""

    name: str
    title: str
    suffix: str
    files: Literal["one", "many"]


class FormatList(BaseModel):
    """The formats on offer, and the JSON schema of a finishing recipe."""

    formats: list[FormatBody]
    finishing: dict[str, Any]
