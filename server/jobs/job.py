"""A job: an immutable record; every change makes a new one with the next sequence number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from server.jobs.request import VideoRequest
from server.jobs.states import IllegalTransition, JobState, check_transition


class JobError(BaseModel):
    """Why a job failed: a stable `code` and a `message` that says what to do."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    field: str | None = None


class Clip(BaseModel):
    """The finished clip of a job. `folder` is a path on the server's machine; size in pixels."""

    model_config = ConfigDict(frozen=True)

    name: str
    sidecar: str
    frame_count: int
    fps: int
    width: int
    height: int
    folder: str


class Job(BaseModel):
    """One request on its way to a clip.

    `step` counts finished sampling steps; `preview_step` is the step of the latest preview, if there is one.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    state: JobState
    sequence: int
    created_at: datetime
    updated_at: datetime
    request: VideoRequest
    queue_position: int | None = None
    step: int = 0
    preview_step: int | None = None
    error: JobError | None = None
    clip: Clip | None = None

    @classmethod
    def create(cls, request: VideoRequest, queue_position: int, now: datetime | None = None) -> Job:
        """A new job in the queue at `queue_position` (1 is next)."""
        now = now or datetime.now(UTC)
        return cls(
            id=uuid4().hex,
            state=JobState.QUEUED,
            sequence=1,
            created_at=now,
            updated_at=now,
            request=request,
            queue_position=queue_position,
        )

    def at_queue_position(self, position: int) -> Job:
        """The same queued job, further ahead. Raises IllegalTransition when it is not queued any more."""
        self._require(JobState.QUEUED)
        return self._changed(queue_position=position)

    def moved_to(self, state: JobState) -> Job:
        """The job in a new state. Raises IllegalTransition for a move that the state machine does not have."""
        check_transition(self.state, state)
        return self._changed(state=state, queue_position=None)

    def at_step(self, step: int) -> Job:
        """The running job with `step` finished sampling steps. Raises IllegalTransition in another state."""
        self._require(JobState.RUNNING)
        return self._changed(step=step)

    def with_preview(self, step: int) -> Job:
        """The running job with a new preview, made after `step` steps. Raises IllegalTransition in another state."""
        self._require(JobState.RUNNING)
        return self._changed(preview_step=step)

    def succeeded(self, clip: Clip) -> Job:
        """The job with its clip. Raises IllegalTransition unless it was encoding."""
        check_transition(self.state, JobState.SUCCEEDED)
        return self._changed(state=JobState.SUCCEEDED, clip=clip)

    def failed(self, error: JobError) -> Job:
        """The job with the reason of its failure. Raises IllegalTransition when it had already ended."""
        check_transition(self.state, JobState.FAILED)
        return self._changed(state=JobState.FAILED, queue_position=None, error=error)

    def _require(self, state: JobState) -> None:
        if self.state is not state:
            raise IllegalTransition(f"the job is {self.state}, not {state}")

    def _changed(self, **changes: Any) -> Job:
        return self.model_copy(update={"sequence": self.sequence + 1, "updated_at": datetime.now(UTC), **changes})
