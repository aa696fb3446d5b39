"""What several routes need: the server's parts, the job in the path, and its clip."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from server.api.errors import ApiError
from server.api.services import Services
from server.jobs.job import Clip, Job
from server.jobs.states import JobState


def get_services(request: Request) -> Services:
    """The server's parts."""
    services: Services = request.app.state.services
    return services


ServicesDependency = Annotated[Services, Depends(get_services)]


async def existing_job(job_id: str, services: ServicesDependency) -> Job:
    """The job in the path. Raises ApiError (404) when there is none."""
    job = services.store.get(job_id)
    if job is None:
        raise ApiError(404, "not_found", "There is no such video on this server; GET /v1/videos lists those there are.")
    return job


async def finished_clip(job: Annotated[Job, Depends(existing_job)]) -> Clip:
    """The clip of the job in the path. Raises ApiError (404, 409) when there is no such job or no clip yet."""
    if job.clips:
        return job.clips[0]
    if job.finished:
        outcome = "has failed" if job.state is JobState.FAILED else f"was {job.state}"
        raise ApiError(409, "not_ready", f"This video {outcome} and has no clip; generate it again.")
    raise ApiError(409, "not_ready", f"This video is not finished yet ({job.state}); ask again when it has succeeded.")
