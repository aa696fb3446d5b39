"""Routes for videos: create, list, follow, cancel, and the files that come of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from server.api.dependencies import ServicesDependency, existing_job, finished_clip
from server.api.errors import ApiError
from server.api.schemas import JobBody, JobList
from server.jobs.job import Clip, Job
from server.jobs.request import VideoRequestInput
from server.jobs.validation import complete_request
from server.media.naming import frame_name

router = APIRouter(prefix="/v1/videos", tags=["videos"])

ExistingJob = Annotated[Job, Depends(existing_job)]
FinishedClip = Annotated[Clip, Depends(finished_clip)]
# A preview changes under the same path; browsers and proxies must ask again.
_NO_STORE = {"Cache-Control": "no-store"}


@router.post("", status_code=202)
async def create_video(request: VideoRequestInput, services: ServicesDependency) -> JobBody:
    """Put a request into the queue."""
    return JobBody.of(services.scheduler.submit(complete_request(request, services.models)))


@router.get("")
async def list_videos(services: ServicesDependency) -> JobList:
    """All jobs, the newest first."""
    return JobList(videos=[JobBody.of(job) for job in services.store.newest_first()])


@router.get("/{job_id}")
async def get_video(job: ExistingJob) -> JobBody:
    """One job as it is now."""
    return JobBody.of(job)


@router.get("/{job_id}/events", response_class=EventSourceResponse)
async def follow_video(
    job: ExistingJob, services: ServicesDependency, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    """The job at each of its changes, until it has ended."""
    # What is no number comes from no event of this server: the reader starts anew.
    after = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else None
    async for record in services.feed.follow(job.id, after):
        yield ServerSentEvent(event="job", id=str(record.sequence), data=JobBody.of(record))


@router.post("/{job_id}/cancel", status_code=202)
async def cancel_video(job: ExistingJob, services: ServicesDependency) -> JobBody:
    """Stop a job: at once in the queue, when the worker has stopped otherwise. An ended job stays as it is."""
    return JobBody.of(services.scheduler.cancel(job.id))


@router.get("/{job_id}/preview", response_class=FileResponse)
async def get_preview(job: ExistingJob, services: ServicesDependency) -> FileResponse:
    """The latest preview of a job, a small straight-alpha PNG."""
    if job.preview is None:
        raise ApiError(404, "not_found", "This video has no preview yet; ask again when its job has one.")
    return _file(services.folders.preview(job.id), "image/png", _NO_STORE)


@router.get("/{job_id}/frames/{number}", response_class=FileResponse)
async def get_frame(clip: FinishedClip, number: str) -> FileResponse:
    """Frame `number` (1-based) of a finished clip, a straight-alpha sRGB PNG."""
    if not (number.isascii() and number.isdigit() and len(number) < 10 and 1 <= int(number) <= clip.frame_count):
        raise ApiError(404, "not_found", f"This clip has no frame '{number[:20]}'; ask for 1 to {clip.frame_count}.")
    return _file(Path(clip.folder, frame_name(int(number))), "image/png")


@router.get("/{job_id}/sidecar", response_class=FileResponse)
async def get_sidecar(clip: FinishedClip) -> FileResponse:
    """The sidecar of a finished clip, JSON."""
    return _file(Path(clip.folder, clip.sidecar), "application/json")


def _file(path: Path, media_type: str, headers: dict[str, str] | None = None) -> FileResponse:
    """An answer with a file of the server. Raises ApiError when somebody has removed it."""
    if not path.is_file():
        raise ApiError(
            404, "not_found", f"The file {path.name} is not on the server's disk any more; generate it again."
        )
    return FileResponse(path, media_type=media_type, headers=headers)
