"""Whether the server can take work, and why not."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from server.api.readiness import problem
from server.api.services import Services
from server.workers.engine import EngineState


def scheduler(problem: tuple[str, str] | None) -> SimpleNamespace:
    return SimpleNamespace(room=SimpleNamespace(problem=lambda: problem))


def services(**changes: Any) -> Services:
    parts = {
        "stopping": False,
        "engines": [SimpleNamespace(state=EngineState.IDLE, reason=None)],
        "models": SimpleNamespace(any_usable=lambda: True),
        "admission": SimpleNamespace(disk_is_low=False),
        "scheduler": scheduler(None),
    }
    return cast(Services, SimpleNamespace(**parts | changes))


def degraded(reason: str | None = "the driver is too old.") -> SimpleNamespace:
    return SimpleNamespace(state=EngineState.DEGRADED, reason=reason)


def test_a_healthy_server_is_ready() -> None:
    assert asyncio.run(problem(services())) is None


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"stopping": True}, "stopping", "try again when it runs again."),
        ({"engines": [degraded()]}, "degraded", "does not stay up: the driver is too old."),
        ({"engines": [degraded(None)]}, "degraded", "see the server's log."),
        ({"models": SimpleNamespace(any_usable=lambda: False)}, "no_model", "GET /v1/models tells why."),
        ({"admission": SimpleNamespace(disk_is_low=True)}, "disk_low", "make room"),
        ({"scheduler": scheduler(("disk_full", "The disk is full; make room."))}, "disk_full", "make room"),
        ({"scheduler": scheduler(("database_busy", "Another program; end it."))}, "database_busy", "end it."),
    ],
)
def test_why_a_server_is_not_ready(changes: dict, code: str, message: str) -> None:
    found = asyncio.run(problem(services(**changes)))

    assert found is not None
    assert (found.status, found.body.code) == (503, code)
    assert message in found.body.message
    assert found.headers is not None
    assert int(found.headers["Retry-After"]) > 0


def test_one_worker_of_two_is_enough() -> None:
    idle = SimpleNamespace(state=EngineState.IDLE, reason=None)
    assert asyncio.run(problem(services(engines=[degraded(), idle]))) is None
