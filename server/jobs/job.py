"""A job: an immutable record; every change makes a new one with the next sequence number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from server.jobs.request import VideoRequest
from server.jobs.states import ENDED_STATES, WORKING_STATES, IllegalTransition, JobState, check_transition

MAX_ATTEMPTS = 2
_MOVES_OF_THEIR_OWN = frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED})


class JobError(BaseModel):
    """Why a job failed: a stable `code` and a `message` that says what to do."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    field: str | None = None


class Clip(BaseModel):
    """A clip that is complete on disk.

    `index` counts from 1; `folder` is a path on the server's machine; size in pixels.
    """

    model_config = ConfigDict(frozen=True)

    index: int = 1
    name: str
    sidecar: str
    seed: int
    frame_count: int
    fps: int
    width: int
    height: int
    folder: str


class Download(BaseModel):
    """How much of a model has come from the hub, in bytes."""

    model_config = ConfigDict(frozen=True)

    bytes_done: int
    bytes_total: int


class Preview(BaseModel):
    """Which moment the latest preview shows: clip `clip` after `step` sampling steps."""

    model_config = ConfigDict(frozen=True)

    clip: int
    step: int


class Execution(BaseModel):
    """How the worker makes a job's clips. `seconds` is by phase; a peak is None where it could not be measured.

    `compiled_share` is the share of the transformer blocks' calls that ran compiled, None where they are not compiled.
    """

    model_config = ConfigDict(frozen=True)

    device: str
    plan: str
    plan_summary: str
    attention: str
    compiled_share: float | None = None
    quality: str
    predicted_peak_bytes: int | None = None
    measured_peak_bytes: int | None = None
    seconds: dict[str, float] = {}


class Job(BaseModel):
    """One request on its way to its clips.

    `step` counts finished sampling steps of clip `clip_index`, which counts from 1. `attempt` counts how often the job
    was taken from the queue or will be; see `MAX_ATTEMPTS`. `cancel_requested` is kept, so that a cancel holds when the
    server or its worker dies before the worker has obeyed.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    state: JobState
    sequence: int
    created_at: datetime
    updated_at: datetime
    request: VideoRequest
    attempt: int = 1
    pinned: bool = False
    cancel_requested: bool = False
    queue_position: int | None = None
    clip_index: int = 1
    step: int = 0
    eta_seconds: float | None = None
    download: Download | None = None
    preview: Preview | None = None
    clips: tuple[Clip, ...] = ()
    warnings: tuple[str, ...] = ()
    error: JobError | None = None
    execution: Execution | None = None

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

    @property
    def finished(self) -> bool:
        """True when nothing more will happen. An interrupted job gets another attempt as long as it has one left."""
        return self.state in ENDED_STATES or (self.state is JobState.INTERRUPTED and self.attempt >= MAX_ATTEMPTS)

    def at_queue_position(self, position: int) -> Job:
        """The same queued job, further ahead. Raises IllegalTransition when it is not queued any more."""
        self._require(JobState.QUEUED)
        return self._changed(queue_position=position)

    def moved_to(self, state: JobState) -> Job:
        """The job in a new state, one of the worker's phases, cancelled or interrupted.

        Raises IllegalTransition for a move that the state machine does not have, and for those that take more than a
        state: `succeeded`, `failed` and `requeued`.
        """
        if self.finished or state in _MOVES_OF_THEIR_OWN:
            raise IllegalTransition(f"a job that is {self.state}, attempt {self.attempt}, cannot just become {state}")
        check_transition(self.state, state)
        eta = self.eta_seconds if state in WORKING_STATES else None
        return self._changed(state=state, queue_position=None, download=None, eta_seconds=eta)

    def downloading(self, download: Download) -> Job:
        """The loading job with more of its model on disk. Raises IllegalTransition in another state."""
        self._require(JobState.LOADING)
        return self._changed(download=download)

    def executed_as(self, execution: Execution) -> Job:
        """The job with how it is made, or was: known when the work begins, and better at its end."""
        return self._changed(execution=execution)

    def warned(self, warning: str) -> Job:
        """The job with one more warning; the same job when it has that warning already."""
        return self if warning in self.warnings else self._changed(warnings=(*self.warnings, warning))

    def at_step(self, clip_index: int, step: int, eta_seconds: float | None) -> Job:
        """The running job with `step` finished sampling steps. Raises IllegalTransition in another state."""
        self._require(JobState.RUNNING)
        return self._changed(clip_index=clip_index, step=step, eta_seconds=eta_seconds)

    def with_preview(self, preview: Preview) -> Job:
        """The running job with a new preview. Raises IllegalTransition in another state."""
        self._require(JobState.RUNNING)
        return self._changed(preview=preview)

    def with_clip(self, clip: Clip) -> Job:
        """The job with its next clip. Raises IllegalTransition unless it was encoding and the clip is the next one."""
        self._require(JobState.ENCODING)
        return self._changed(clips=self._clips_and(clip))

    def adopted(self, clip: Clip) -> Job:
        """The job with its next clip, which was on disk before its worker could say so.

        A complete clip shows that the worker had come to encoding. Raises IllegalTransition unless the job was at work.
        """
        if self.state not in WORKING_STATES:
            raise IllegalTransition(f"the job is {self.state}, so nothing can have worked on it")
        return self._changed(state=JobState.ENCODING, download=None, clips=self._clips_and(clip))

    def succeeded(self) -> Job:
        """The job at its good end. Raises IllegalTransition unless it was encoding and has all its clips."""
        check_transition(self.state, JobState.SUCCEEDED)
        if len(self.clips) != self.request.num_clips:
            raise IllegalTransition(f"the job has {len(self.clips)} of {self.request.num_clips} clips")
        return self._changed(state=JobState.SUCCEEDED, eta_seconds=None)

    def failed(self, error: JobError) -> Job:
        """The job with the reason of its failure. Raises IllegalTransition when it had already ended."""
        check_transition(self.state, JobState.FAILED)
        return self._changed(state=JobState.FAILED, queue_position=None, download=None, eta_seconds=None, error=error)

    def without_files(self, kept: tuple[Clip, ...], error: JobError) -> Job:
        """The finished job, of whose clips only `kept` are still on disk. One that had succeeded has failed then."""
        if not self.finished:
            raise IllegalTransition(f"the job is {self.state}; it can make its clips again")
        if self.state is not JobState.SUCCEEDED:
            return self._changed(clips=kept)
        return self._changed(state=JobState.FAILED, clips=kept, error=error)

    def cancelling(self) -> Job:
        """The job at work that somebody wants stopped. Raises IllegalTransition when nothing works on it."""
        if self.state not in WORKING_STATES:
            raise IllegalTransition(f"the job is {self.state}, so there is nothing to stop")
        return self if self.cancel_requested else self._changed(cancel_requested=True)

    def requeued(self, position: int) -> Job:
        """The interrupted job in the queue again. Raises IllegalTransition when it has no attempt left."""
        if self.finished:
            raise IllegalTransition(f"the job was interrupted in its last attempt, number {self.attempt}")
        self._require(JobState.INTERRUPTED)
        return self._changed(
            state=JobState.QUEUED,
            attempt=self.attempt + 1,
            queue_position=position,
            clip_index=min(len(self.clips) + 1, self.request.num_clips),
            step=0,
            eta_seconds=None,
            preview=None,
        )

    def pinned_as(self, pinned: bool) -> Job:
        """The job, kept from the limits on age and size or not."""
        return self if pinned == self.pinned else self._changed(pinned=pinned)

    def _clips_and(self, clip: Clip) -> tuple[Clip, ...]:
        if clip.index != len(self.clips) + 1 or clip.index > self.request.num_clips:
            raise IllegalTransition(f"clip {clip.index} does not follow clip {len(self.clips)}")
        return (*self.clips, clip)

    def _require(self, state: JobState) -> None:
        if self.state is not state:
            raise IllegalTransition(f"the job is {self.state}, not {state}")

    def _changed(self, **changes: Any) -> Job:
        return self.model_copy(update={"sequence": self.sequence + 1, "updated_at": datetime.now(UTC), **changes})
