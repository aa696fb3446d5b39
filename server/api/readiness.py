"""Whether the server can take work, and if not, why."""

from __future__ import annotations

import asyncio

from server.api.errors import ApiError
from server.api.services import Services
from server.workers.engine import EngineState

_RETRY_SECONDS = {"stopping": 5, "degraded": 30, "disk_low": 60, "disk_full": 60, "no_model": 300}
_DEFAULT_RETRY_SECONDS = 5


async def problem(services: Services) -> ApiError | None:
    """The reason, as the error that a call would be refused with (503), or None when the server is ready."""
    if services.stopping:
        return _unavailable("stopping", "The server is stopping; try again when it runs again.")
    if services.engines and all(engine.state is EngineState.DEGRADED for engine in services.engines):
        reason = next((engine.reason for engine in services.engines if engine.reason), "see the server's log")
        message = f"The process that makes clips does not stay up: {reason.rstrip('.')}."
        return _unavailable("degraded", message)
    if not await asyncio.to_thread(services.models.any_usable):
        message = "None of the installed models can be used; GET /v1/models tells why."
        return _unavailable("no_model", message)
    trouble = services.scheduler.room.problem()
    if trouble is not None:
        return _unavailable(*trouble)
    if services.admission.disk_is_low:
        message = "The server's disk is nearly full; make room on it or remove old videos."
        return _unavailable("disk_low", message)
    return None


def _unavailable(code: str, message: str) -> ApiError:
    return ApiError(503, code, message, headers={"Retry-After": str(_RETRY_SECONDS.get(code, _DEFAULT_RETRY_SECONDS))})
