"""What several routes need: the server's parts, and the job in the path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from server.api.artifacts import clip_of
from server.api.errors import ApiError
from server.api.services import Services
from server.jobs.job import Clip, Job
from server.logs import about_job


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
    about_job(job.id)
    return job


ExistingJob = Annotated[Job, Depends(existing_job)]


async def existing_clip(job: ExistingJob, clip: Annotated[int, Query(ge=1, le=2**31)] = 1) -> Clip:
    """The clip that the path and `?clip=` (from 1) name. Raises ApiError (404, 409) when it is not there."""
    return clip_of(job, clip)


ExistingClip = Annotated[Clip, Depends(existing_clip)]
