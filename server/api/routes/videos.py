"""Routes for videos: create, list, follow, cancel, keep, remove."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from server.api.bodies import require_json
from server.api.dependencies import ExistingJob, ServicesDependency
from server.api.errors import ApiError
from server.api.memory_plans import MEMORY_PLANS
from server.api.schemas import JobBody, JobPage
from server.api.services import Services
from server.jobs.job import Job
from server.jobs.removal import remove_job
from server.jobs.request import VideoRequestInput
from server.jobs.states import JobState
from server.jobs.store import IdempotencyKey
from server.jobs.validation import complete_request

router = APIRouter(prefix="/v1/videos", tags=["videos"])

# What SQLite can hold; no job comes near it.
_MAX_SEQUENCE = 2**63 - 1
_LONGEST_WAIT = 60.0
_LONGEST_KEY = 128


@router.post("", status_code=202, dependencies=[Depends(require_json)])
async def create_video(
    request: VideoRequestInput,
    services: ServicesDependency,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> JobBody:
    """Put a request into the queue, or answer with the job that the same call has made before."""
    key = _key(idempotency_key, request)
    repeated = services.store.find_by_key(key) if key else None
    if repeated is None:
        await services.models.require_usable(request.model)
        # Two calls with one key may have come this far at once.
        repeated = services.store.find_by_key(key) if key else None
    if repeated is not None:
        response.headers["Idempotent-Replayed"] = "true"
        return JobBody.of(repeated)
    complete = complete_request(
        request,
        services.models.registry,
        uploads=services.uploads,
        plans=MEMORY_PLANS,
        style_loras=services.style_loras.names(),
    )
    return JobBody.of(services.scheduler.submit(complete, key))


@router.get("")
async def list_videos(
    services: ServicesDependency,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: str | None = None,
    state: JobState | None = None,
) -> JobPage:
    """Jobs, the newest first: those that came before the job `before`, in one state or all."""
    if before is not None and services.store.get(before) is None:
        message = "The job that `before` names is not on this server; begin with the first page again."
        raise ApiError(422, "invalid_field", message, "before")
    # One more than asked for tells whether there is a next page.
    jobs = services.store.newest_first(limit + 1, before, state)
    following = jobs[limit - 1].id if len(jobs) > limit else None
    return JobPage(videos=[JobBody.of(job) for job in jobs[:limit]], next=following)


@router.get("/{job_id}")
async def get_video(
    job: ExistingJob,
    services: ServicesDependency,
    wait: Annotated[float | None, Query(ge=0, le=_LONGEST_WAIT, allow_inf_nan=False)] = None,
    after: Annotated[int | None, Query(ge=0, le=_MAX_SEQUENCE)] = None,
) -> JobBody:
    """One job: as it is now, or with `wait` as soon as it has changed since record `after`, or that time is over."""
    if wait and not job.finished:
        job = await _changed(services, job, job.sequence if after is None else after, wait)
    return JobBody.of(job)


@router.get("/{job_id}/events", response_class=EventSourceResponse)
async def follow_video(
    job: ExistingJob, services: ServicesDependency, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    """The job at each of its changes, until it is finished."""
    # What is no number comes from no event of this server: the reader starts anew.
    after = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else None
    async for record in services.feed.follow(job.id, after):
        yield ServerSentEvent(event="job", id=str(record.sequence), data=JobBody.of(record))


@router.post("/{job_id}/cancel", status_code=202)
async def cancel_video(job: ExistingJob, services: ServicesDependency) -> JobBody:
    """Stop a job: at once in the queue, when the worker has stopped otherwise. An ended job stays as it is."""
    return JobBody.of(services.scheduler.cancel(job.id))


@router.post("/{job_id}/pin")
async def pin_video(job: ExistingJob, services: ServicesDependency) -> JobBody:
    """Keep a job from the limits on age and size."""
    return JobBody.of(services.feed.change(job.id, lambda present: present.pinned_as(True)))


@router.post("/{job_id}/unpin")
async def unpin_video(job: ExistingJob, services: ServicesDependency) -> JobBody:
    """Let the limits on age and size apply to a job again."""
    return JobBody.of(services.feed.change(job.id, lambda present: present.pinned_as(False)))


@router.delete("/{job_id}", status_code=204)
async def delete_video(job: ExistingJob, services: ServicesDependency) -> None:
    """Remove a finished job that is not pinned, and its clips."""
    await remove_job(services.feed, services.files, job.id)


def _key(key: str | None, request: VideoRequestInput) -> IdempotencyKey | None:
    """The call's Idempotency-Key with a hash of what it asks for. Raises ApiError (400)."""
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST_KEY or not all(" " <= character <= "~" for character in key):
        message = f"The Idempotency-Key must be 1 to {_LONGEST_KEY} printable ASCII characters; a UUID is a good one."
        raise ApiError(400, "bad_idempotency_key", message)
    # Of the fields, not the bytes: their order and the spaces between them mean nothing.
    body = request.model_dump_json(exclude_unset=True).encode()
    return IdempotencyKey(key, hashlib.sha256(body).hexdigest())


async def _changed(services: Services, job: Job, after: int, seconds: float) -> Job:
    """The job when it has a record later than `after`, or after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            # Not a loop: the feed's end is an answer too.
            await anext(services.feed.follow(job.id, after), None)
    return services.store.get(job.id) or job
