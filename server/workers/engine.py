"""What the scheduler needs of something that makes clips, one at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

from server.workers.messages import Generate, JobReport


class WorkerDied(Exception):
    """The worker has gone in the middle of a job."""


class EngineState(StrEnum):
    """What a worker is doing."""

    STOPPED = "stopped"
    IDLE = "idle"
    BUSY = "busy"


class Engine(Protocol):
    """Makes clips, one at a time."""

    @property
    def state(self) -> EngineState:
        """What the worker is doing."""

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""

    async def start(self) -> None:
        """Start the worker, so that the first job need not wait for that."""

    def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        """The reports of one job as they come; the last one is final. Raises WorkerDied when that one never comes."""

    def cancel(self, job_id: str) -> None:
        """Ask the worker to stop this job. Its answer comes as a report."""

    def kill(self) -> None:
        """End the worker at once, whatever it does. The next job gets a new one."""

    async def stop(self) -> None:
        """End the worker."""
