"""What the API answers about jobs and uploads, and its errors, as the contract has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, PlainSerializer

from server.jobs.job import Clip, Execution, Job, JobError
from server.jobs.request import VideoRequest
from server.jobs.states import JobState
from server.jobs.uploads import UploadInfo


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_format_time, return_type=str)]


class ErrorBody(BaseModel):
    """The `error` of an answer: a stable code, a sentence that says what to change, and the request's field."""

    code: str
    message: str
    field: str | None = None


class ErrorAnswer(BaseModel):
    """Every answer with a status of 400 or above."""

    error: ErrorBody


class ProgressBody(BaseModel):
    """How far a job is: `step` of `of` sampling steps of clip `clip` are finished."""

    phase: JobState | Literal["downloading"]
    clip: int
    of_clips: int
    step: int
    of: int
    eta_seconds: float | None
    bytes_done: int | None
    bytes_total: int | None

    @classmethod
    def of_job(cls, job: Job) -> Self:
        """The progress of a job."""
        return cls(
            phase="downloading" if job.download else job.state,
            clip=job.clip_index,
            of_clips=job.request.num_clips,
            step=job.step,
            of=job.request.steps,
            eta_seconds=job.eta_seconds,
            bytes_done=job.download.bytes_done if job.download else None,
            bytes_total=job.download.bytes_total if job.download else None,
        )


class PreviewBody(BaseModel):
    """Where the latest preview of a job is, and after which step it was made."""

    url: str
    clip: int
    step: int


class JobBody(BaseModel):
    """A job."""

    id: str
    state: JobState
    finished: bool
    sequence: int
    attempt: int
    pinned: bool
    created_at: Time
    updated_at: Time
    request: VideoRequest
    queue_position: int | None
    progress: ProgressBody
    preview: PreviewBody | None
    clips: tuple[Clip, ...]
    warnings: tuple[str, ...]
    error: JobError | None
    execution: Execution | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The job as the API shows it."""
        preview = None
        if job.preview is not None:
            clip, step = job.preview.clip, job.preview.step
            version = (clip - 1) * job.request.steps + step
            preview = PreviewBody(url=f"/v1/videos/{job.id}/preview?v={version}", clip=clip, step=step)
        return cls(
            id=job.id,
            state=job.state,
            finished=job.finished,
            attempt=job.attempt,
            pinned=job.pinned,
            sequence=job.sequence,
            created_at=job.created_at,
            updated_at=job.updated_at,
            request=job.request,
            queue_position=job.queue_position,
            progress=ProgressBody.of_job(job),
            preview=preview,
            clips=job.clips,
            warnings=job.warnings,
            error=job.error,
            execution=job.execution,
        )


class JobPage(BaseModel):
    """Jobs, the newest first; `next` is the `before` of the next page, None on the last one."""

    videos: list[JobBody]
    next: str | None


class UploadBody(BaseModel):
    """An uploaded file that was found to be sound. Size in pixels, `fps` in frames a second, None for an image."""

    id: str
    kind: Literal["image", "video"]
    width: int
    height: int
    has_alpha: bool
    frame_count: int
    fps: float | None
    bytes: int

    @classmethod
    def of(cls, upload: UploadInfo) -> Self:
        """The upload as the API shows it."""
        return cls(**{name: getattr(upload, name) for name in cls.model_fields})
