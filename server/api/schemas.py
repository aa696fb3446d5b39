"""What the API answers: jobs, models, status and errors, as the contract has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, PlainSerializer

from server.jobs.job import Clip, Job, JobError
from server.jobs.request import VideoRequest
from server.jobs.states import JobState
from server.models import ModelDescription, RequestDefaults, RequestLimits


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
    """How far a job is: `step` of `of` sampling steps are finished."""

    phase: JobState
    step: int
    of: int


class PreviewBody(BaseModel):
    """Where the latest preview of a job is, and after which step it was made."""

    url: str
    step: int


class JobBody(BaseModel):
    """A job."""

    id: str
    state: JobState
    sequence: int
    created_at: Time
    updated_at: Time
    request: VideoRequest
    queue_position: int | None
    progress: ProgressBody
    preview: PreviewBody | None
    error: JobError | None
    clip: Clip | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The job as the API shows it."""
        preview = None
        if job.preview_step is not None:
            url = f"/v1/videos/{job.id}/preview?v={job.preview_step}"
            preview = PreviewBody(url=url, step=job.preview_step)
        return cls(
            id=job.id,
            state=job.state,
            sequence=job.sequence,
            created_at=job.created_at,
            updated_at=job.updated_at,
            request=job.request,
            queue_position=job.queue_position,
            progress=ProgressBody(phase=job.state, step=job.step, of=job.request.steps),
            preview=preview,
            error=job.error,
            clip=job.clip,
        )


class JobList(BaseModel):
    """All jobs, the newest first."""

    videos: list[JobBody]


class ModelBody(BaseModel):
    """A model, what requests get by default and what they may ask."""

    name: str
    title: str
    description: str
    licence: str
    defaults: RequestDefaults
    limits: RequestLimits

    @classmethod
    def of(cls, model: ModelDescription) -> Self:
        """The model as the API shows it."""
        return cls(**{name: getattr(model, name) for name in cls.model_fields})


class ModelList(BaseModel):
    """The models on offer."""

    models: list[ModelBody]


class QueueBody(BaseModel):
    """How many jobs wait and how many run."""

    queued: int
    running: int


class WorkerBody(BaseModel):
    """What the worker process does, and its process id."""

    state: str
    pid: int | None


class StatusBody(BaseModel):
    """What this server is and does."""

    name: str
    version: str
    api: int
    models: list[str]
    queue: QueueBody
    worker: WorkerBody


class HealthBody(BaseModel):
    """The server answers."""

    status: str = "ok"
