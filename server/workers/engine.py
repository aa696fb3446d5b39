"""What the scheduler needs of something that makes clips, one at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

from server.workers.messages import Generate, JobReport, Load, Memory


class WorkerDied(Exception):
    """The worker has gone in the middle of a job, or could not be started for it."""


class WorkerUnusable(WorkerDied):
    """The worker says itself that it cannot work here: a stable `code` and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EngineState(StrEnum):
    """What a worker is doing."""

    STOPPED = "stopped"  # no process; the next job starts one
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    RESTARTING = "restarting"  # it has died, and another one comes in a moment
    DEGRADED = "degraded"  # it dies again and again, or cannot be started; tried again now and then


class Engine(Protocol):
    """Makes clips, one at a time. Belongs to one event loop."""

    @property
    def state(self) -> EngineState:
        """What the worker is doing."""

    @property
    def reason(self) -> str | None:
        """Why the worker is restarting or degraded, a sentence; None otherwise."""

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""

    @property
    def device(self) -> str:
        """What the worker computes on, for example `cuda:0`; before it has said so, what it was asked to take."""

    @property
    def device_name(self) -> str | None:
        """The name of that device, or None before the first worker has said it."""

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what the worker computes with; empty before the first worker has told them."""

    @property
    def loaded_model(self) -> str | None:
        """The name of the model in the worker's memory."""

    @property
    def memory(self) -> Memory | None:
        """The memory of the worker's device, as of the last heartbeat; None while there is no worker."""

    @property
    def restarts(self) -> int:
        """How often a worker has taken the place of one that had died."""

    async def start(self) -> None:
        """Start the worker and wait until it is ready. Raises WorkerDied when it does not come up at the first try."""

    async def wait_until_usable(self) -> None:
        """Return when a job can be given to the worker, starting it if need be; while it is degraded, that takes long.

        To be called when there is a job to give: it starts a worker that was stopped or unloaded.
        """

    def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        """The reports of one job as they come; the last one is final. Raises WorkerDied when that one never comes.

        Closing the generator before that ends the worker.
        """

    def load(self, task: Load) -> AsyncGenerator[JobReport, None]:
        """The same for bringing a model into memory."""

    async def unload(self) -> None:
        """Give back all memory that the worker has, when the job that it may be at is over."""

    def cancel(self, job_id: str) -> None:
        """Ask the worker to stop this job. Its answer comes as a report. Does nothing when it has not got the job."""

    def kill(self) -> None:
        """End the worker at once, whatever it does. Another one takes its place."""

    async def stop(self) -> None:
        """End the worker."""
