"""A job as the server describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import JobFailedError, NotATransPixarServerError, TransPixarError


class JobState(StrEnum):
    """The life of a job, in order; one of the last four is its end, though an interrupted one may be taken up again."""

    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    DECODING = "decoding"
    ENCODING = "encoding"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class JobClip:
    """A clip of a job that is complete on the server: its number in the job from 1, and the names of its files."""

    index: int
    name: str
    sidecar: str
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One state of a job; `sequence` grows with every change. `step` of `of` counts finished sampling steps of `clip`.

    `phase` is the state, or "downloading" while the model's files arrive, `bytes_done` of `bytes_total`.
    `finished` says that nothing more will happen.
    """

    id: str
    state: JobState
    sequence: int
    step: int
    of: int
    finished: bool = False
    queue_position: int | None = None
    preview_url: str | None = None
    preview_step: int = 0
    phase: str = ""
    clip: int = 1
    of_clips: int = 1
    eta_seconds: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    clips: tuple[JobClip, ...] = ()
    warnings: tuple[str, ...] = ()
    error: TransPixarError | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Job":
        """Read the server's job object. Raises NotATransPixarServerError when it is none."""
        try:
            progress, preview = data["progress"], data.get("preview") or {}
            error = data.get("error")
            return cls(
                id=str(data["id"]),
                state=JobState(data["state"]),
                sequence=int(data["sequence"]),
                step=int(progress["step"]),
                of=int(progress["of"]),
                finished=bool(data["finished"]),
                queue_position=data.get("queue_position"),
                preview_url=preview.get("url"),
                preview_step=int(preview.get("step") or 0),
                phase=str(progress.get("phase") or data["state"]),
                clip=int(progress.get("clip") or 1),
                of_clips=int(progress.get("of_clips") or 1),
                eta_seconds=_seconds(progress.get("eta_seconds")),
                bytes_done=progress.get("bytes_done"),
                bytes_total=progress.get("bytes_total"),
                clips=tuple(_clip(number, clip) for number, clip in enumerate(data["clips"], start=1)),
                warnings=tuple(str(warning) for warning in data.get("warnings") or ()),
                error=None if error is None else _job_error(error),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as reason:
            raise NotATransPixarServerError(
                "The server's answer could not be read. Check that the add-on and the server are of the same version."
            ) from reason


def _clip(number: int, data: Mapping[str, Any]) -> JobClip:
    return JobClip(
        index=int(data.get("index") or number),
        name=str(data.get("name") or ""),
        sidecar=str(data.get("sidecar") or ""),
        seed=data.get("seed"),
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _job_error(error: Mapping[str, Any]) -> JobFailedError:
    message = error.get("message") or "The server could not make this clip. Look at its log, then try again."
    return JobFailedError(str(message), code=str(error.get("code") or JobFailedError.code), field=error.get("field"))
