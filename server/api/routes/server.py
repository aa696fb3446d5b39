"""Routes about the server itself: its state, its health, its figures."""

from __future__ import annotations

import platform

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from server import API_VERSION, __version__
from server.api import readiness
from server.api.dependencies import ServicesDependency
from server.api.server_schemas import DiskBody, HealthBody, QueueBody, ReadyBody, StatusBody, WorkerBody
from server.api.services import Services
from server.jobs.states import WORKING_STATES, JobState

router = APIRouter(tags=["server"])


@router.get("/v1/status")
async def get_status(services: ServicesDependency) -> StatusBody:
    """What this server is and does."""
    problem = await readiness.problem(services)
    return StatusBody(
        name="transpixar",
        version=__version__,
        api=API_VERSION,
        state=problem.body.code if problem else "ready",
        reason=problem.body.message if problem else None,
        models=services.models.registry.names,
        queue=_queue(services),
        workers=[WorkerBody.of(index, engine) for index, engine in enumerate(services.engines)],
        disk=DiskBody(free_bytes=services.admission.free_bytes()),
        versions=_versions(services),
    )


@router.get("/healthz")
async def get_health() -> HealthBody:
    """The process answers."""
    return HealthBody()


@router.get("/readyz")
async def get_readiness(services: ServicesDependency) -> ReadyBody:
    """The server can take work."""
    problem = await readiness.problem(services)
    if problem is not None:
        raise problem
    return ReadyBody()


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(services: ServicesDependency) -> PlainTextResponse:
    """Figures for Prometheus."""
    figures = generate_latest(services.feed.metrics.registry)
    return PlainTextResponse(figures, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _queue(services: Services) -> QueueBody:
    counts = services.store.count_by_state()
    running = sum(counts.get(state, 0) for state in WORKING_STATES)
    return QueueBody(queued=counts.get(JobState.QUEUED, 0), running=running, limit=services.settings.max_queue)


def _versions(services: Services) -> dict[str, str]:
    """The versions of this program and of what its workers compute with."""
    versions = {"transpixar": __version__, "python": platform.python_version()}
    for engine in services.engines:
        versions |= engine.versions
    return versions
