"""Routes about the server itself: its models, its state, its health."""

from __future__ import annotations

from fastapi import APIRouter

from server import API_VERSION, __version__
from server.api.dependencies import ServicesDependency
from server.api.schemas import HealthBody, ModelBody, ModelList, QueueBody, StatusBody, WorkerBody
from server.jobs.states import JobState

router = APIRouter(tags=["server"])


@router.get("/v1/models")
async def list_models(services: ServicesDependency) -> ModelList:
    """The models on offer."""
    return ModelList(models=[ModelBody.of(model) for model in services.models])


@router.get("/v1/status")
async def get_status(services: ServicesDependency) -> StatusBody:
    """What this server is and does."""
    states = [job.state for job in services.store.newest_first() if not job.finished]
    queued = states.count(JobState.QUEUED)
    return StatusBody(
        name="transpixar",
        version=__version__,
        api=API_VERSION,
        models=services.models.names,
        queue=QueueBody(queued=queued, running=len(states) - queued),
        worker=WorkerBody(state=services.engine.state, pid=services.engine.pid),
    )


@router.get("/healthz")
async def get_health() -> HealthBody:
    """The server answers."""
    return HealthBody()
