"""The worker protocol: one JSON object a line, commands to the worker's stdin and reports from its stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from server.jobs.job import Clip, Execution, JobError
from server.jobs.request import VideoRequest


class ProtocolError(Exception):
    """A line that is no message of this protocol."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_line(self) -> bytes:
        """The message as one line of JSON in ASCII, with its newline."""
        return self.model_dump_json(ensure_ascii=True).encode("ascii") + b"\n"


class Generate(_Message):
    """To the worker: make the clips of this job, from number `first_clip` on.

    Each clip goes into `clips_folder` under its own name, the latest preview to `preview_file`. Files that the model
    has on the hub lie or come into the data folder, where the accepted licences are too.
    """

    type: Literal["generate"] = "generate"
    job: str
    request: VideoRequest
    model_folder: Path
    data_folder: Path
    clips_folder: Path
    preview_file: Path
    first_clip: int = 1
    first_frame: Path | None = None
    footage: Path | None = None
    # The files of the request's style LoRAs, in its order.
    style_loras: tuple[Path, ...] = ()


class Cancel(_Message):
    """To the worker: stop making the clip of this job, and no other."""

    type: Literal["cancel"] = "cancel"
    job: str


class Load(_Message):
    """To the worker: bring this model into memory, downloading what is missing. `job` names this command's reports."""

    type: Literal["load"] = "load"
    job: str
    model_folder: Path
    data_folder: Path


class Memory(BaseModel):
    """The memory of the worker's device, in bytes: what this process has of it, and all there is."""

    model_config = ConfigDict(frozen=True)

    used_bytes: int
    total_bytes: int


class Hello(_Message):
    """From the worker, before anything else: it is ready, and what it runs on."""

    type: Literal["hello"] = "hello"
    device: str
    device_name: str
    versions: dict[str, str]


class Unusable(_Message):
    """From the worker, in place of a Hello: it cannot work here, and what to do. It ends then."""

    type: Literal["unusable"] = "unusable"
    code: str
    message: str


class Heartbeat(_Message):
    """From the worker, every few seconds, whatever it does, and at the end of each command: it is alive."""

    type: Literal["heartbeat"] = "heartbeat"
    loaded_model: str | None = None
    memory: Memory | None = None


class Downloading(_Message):
    """From the worker: so many bytes of the model's files are on disk."""

    type: Literal["downloading"] = "downloading"
    job: str
    bytes_done: int
    bytes_total: int


class Planned(_Message):
    """From the worker: how it makes the job's clips; before the first step, and again with the measured figures."""

    type: Literal["planned"] = "planned"
    job: str
    execution: Execution


class Warned(_Message):
    """From the worker: a sentence about what the clips may lack."""

    type: Literal["warned"] = "warned"
    job: str
    warning: str


class Phase(_Message):
    """From the worker: the job has come to this phase."""

    type: Literal["phase"] = "phase"
    job: str
    phase: Literal["loading", "running", "decoding", "encoding"]


class Step(_Message):
    """From the worker: `step` sampling steps of clip `clip` are finished.

    `eta_seconds` is an estimate until the last clip is on disk.
    """

    type: Literal["step"] = "step"
    job: str
    clip: int
    step: int
    eta_seconds: float | None = None


class Preview(_Message):
    """From the worker: a new preview of clip `clip`, made after `step` steps, is in the preview file."""

    type: Literal["preview"] = "preview"
    job: str
    clip: int
    step: int


class ClipReady(_Message):
    """From the worker: this clip is complete on disk."""

    type: Literal["clip_ready"] = "clip_ready"
    job: str
    clip: Clip


class Finished(_Message):
    """From the worker: all that the command asked for is done."""

    type: Literal["finished"] = "finished"
    job: str


class Failed(_Message):
    """From the worker: it cannot be done, and why. Clips that were ready before stay."""

    type: Literal["failed"] = "failed"
    job: str
    error: JobError


class Cancelled(_Message):
    """From the worker: it has stopped making the clip."""

    type: Literal["cancelled"] = "cancelled"
    job: str


Command = Generate | Cancel | Load
# What belongs to a job, and what the worker says of itself.
JobReport = Phase | Downloading | Planned | Warned | Step | Preview | ClipReady | Finished | Failed | Cancelled
Report = JobReport | Hello | Unusable | Heartbeat
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
