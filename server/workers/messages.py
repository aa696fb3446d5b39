"""The worker protocol: one JSON object a line, commands to the worker's stdin and reports from its stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from server.jobs.job import Clip, JobError
from server.jobs.request import VideoRequest


class ProtocolError(Exception):
    """A line that is no message of this protocol."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_line(self) -> bytes:
        """The message as one line of JSON in ASCII, with its newline."""
        return self.model_dump_json(ensure_ascii=True).encode("ascii") + b"\n"


class Generate(_Message):
    """To the worker: make this clip.

    The clip goes into `clips_folder` under its own name, its latest preview to `preview_file`.
    """

    type: Literal["generate"] = "generate"
    job: str
    request: VideoRequest
    model_folder: Path
    clips_folder: Path
    preview_file: Path


class Cancel(_Message):
    """To the worker: stop making the clip of this job, and no other."""

    type: Literal["cancel"] = "cancel"
    job: str


class Phase(_Message):
    """From the worker: the job has come to this phase."""

    type: Literal["phase"] = "phase"
    job: str
    phase: Literal["loading", "running", "decoding", "encoding"]


class Step(_Message):
    """From the worker: `step` of `of` sampling steps are finished."""

    type: Literal["step"] = "step"
    job: str
    step: int
    of: int


class Preview(_Message):
    """From the worker: a new preview, made after `step` steps, is in the preview file."""

    type: Literal["preview"] = "preview"
    job: str
    step: int


class Finished(_Message):
    """From the worker: the clip is complete on disk."""

    type: Literal["finished"] = "finished"
    job: str
    clip: Clip


class Failed(_Message):
    """From the worker: there will be no clip, and why."""

    type: Literal["failed"] = "failed"
    job: str
    error: JobError


class Cancelled(_Message):
    """From the worker: it has stopped making the clip."""

    type: Literal["cancelled"] = "cancelled"
    job: str


Command = Generate | Cancel
Report = Phase | Step | Preview | Finished | Failed | Cancelled
# The reports after which nothing more comes for the job.
FINAL_REPORTS = (Finished, Failed, Cancelled)

_AnyMessage = TypeVar("_AnyMessage")
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="type")])


def read_command(line: bytes) -> Command:
    """The command in a line. Raises ProtocolError when there is none."""
    return _read(_COMMANDS, line)


def read_report(line: bytes) -> Report:
    """The report in a line. Raises ProtocolError when there is none."""
    return _read(_REPORTS, line)


def _read(adapter: TypeAdapter[_AnyMessage], line: bytes) -> _AnyMessage:
    try:
        return adapter.validate_json(line)
    except ValidationError:
        raise ProtocolError(f"not a message of the worker protocol: {line[:200]!r}") from None
