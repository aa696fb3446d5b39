"""An engine with a worker process on this machine."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from server.workers.child import Patience
from server.workers.engine import EngineState, WorkerDied
from server.workers.messages import FINAL_REPORTS, Cancel, Cancelled, Generate, JobReport, Load, Memory, ProtocolError
from server.workers.restarts import RestartPolicy
from server.workers.supervisor import Supervisor

worker_log = logging.getLogger("server.worker")

# Whoever leaves so many reports unread has stopped reading.
_MOST_UNREAD_REPORTS = 10_000


def worker_command(device: str) -> list[str]:
    """The program that makes clips, on `device`: `auto`, `cpu`, `cuda` or `cuda:N`."""
    return [sys.executable, "-m", "server.workers.process", "--device", device]


@dataclass
class _Assignment:
    """A command that the engine has taken on, and the reports about it that nobody has read yet."""

    task: Generate | Load
    sent: bool = False
    cancel_wanted: bool = False
    reports: asyncio.Queue[JobReport | WorkerDied] = field(default_factory=asyncio.Queue)


class LocalEngine:
    """An Engine with one child process that is watched and, when it has died, started again.

    `command` starts a program that speaks the worker protocol on its stdin and stdout, in place of the usual one for
    `device`. `on_change` is called whenever a property may have changed.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        device: str = "auto",
        patience: Patience | None = None,
        restarts: RestartPolicy | None = None,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked_device = device
        self._on_change = on_change
        self._assignment: _Assignment | None = None
        self._changed = asyncio.Event()
        self._supervisor = Supervisor(
            worker_command(device) if command is None else command,
            patience=patience or Patience(),
            restarts=restarts or RestartPolicy(),
            on_report=self._on_report,
            on_death=self._on_death,
            on_change=self._notify,
            tell_log=self._tell_log,
            clock=clock,
        )

    @property
    def state(self) -> EngineState:
        """What the worker is doing."""
        if self._supervisor.ready:
            return EngineState.BUSY if self._assignment is not None else EngineState.IDLE
        if not self._supervisor.active:
            return EngineState.STOPPED
        if self._supervisor.degraded:
            return EngineState.DEGRADED
        return EngineState.RESTARTING if self._supervisor.error is not None else EngineState.STARTING

    @property
    def reason(self) -> str | None:
        """Why the worker is restarting or degraded, a sentence; None otherwise."""
        return str(self._supervisor.error) if self._supervisor.error is not None else None

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        return self._supervisor.pid

    @property
    def device(self) -> str:
        """What the worker computes on, for example `cuda:0`; before it has said so, what it was asked to take."""
        return self._supervisor.hello.device if self._supervisor.hello is not None else self._asked_device

    @property
    def device_name(self) -> str | None:
        """The name of that device, or None before the first worker has said it."""
        return self._supervisor.hello.device_name if self._supervisor.hello is not None else None

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what the worker computes with; empty before the first worker has told them."""
        return self._supervisor.hello.versions if self._supervisor.hello is not None else {}

    @property
    def loaded_model(self) -> str | None:
        """The name of the model in the worker's memory."""
        return self._supervisor.pulse.loaded_model

    @property
    def memory(self) -> Memory | None:
        """The memory of the worker's device, as of the last heartbeat; None while there is no worker."""
        return self._supervisor.pulse.memory

    @property
    def restarts(self) -> int:
        """How often a worker has taken the place of one that had died."""
        return self._supervisor.restarts

    async def start(self) -> None:
        """Start the worker and wait until it is ready. Raises WorkerDied when it does not come up at the first try."""
        supervisor = self._supervisor
        supervisor.begin()
        await self._until(lambda: supervisor.ready or supervisor.error is not None or not supervisor.active)
        if not supervisor.ready:
            raise self._why_not_ready()

    async def wait_until_usable(self) -> None:
        """Return when a job can be given to the worker, starting it if need be; while it is degraded, that takes long.

        To be called when there is a job to give: it starts a worker that was stopped or unloaded.
        """
        while not self._supervisor.ready or self._assignment is not None:
            # Inside the loop, because somebody may unload it meanwhile.
            self._supervisor.begin()
            await self._changed.wait()

    def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        """The reports of one job as they come; the last one is final. Raises WorkerDied when that one never comes.

        A worker that is being started is waited for, a degraded one is not. Closing the generator before the final
        report ends the worker.
        """
        return self._perform(task)

    def load(self, task: Load) -> AsyncGenerator[JobReport, None]:
        """The same for bringing a model into memory."""
        return self._perform(task)

    async def unload(self) -> None:
        """Give back all memory that the worker has, when the job that it may be at is over.

        This ends the process; the next job starts another one. Nothing less gives everything back: when a model has
        been dropped, the C allocator keeps pages, and a CUDA context with its libraries keeps hundreds of megabytes
        of the GPU, which the artist wants for rendering.
        """
        await self._until(lambda: self._assignment is None)
        await self._supervisor.end()

    def cancel(self, job_id: str) -> None:
        """Ask the worker to stop this job. Does nothing when it is not the one being made."""
        assignment = self._assignment
        if assignment is None or assignment.task.job != job_id:
            return
        assignment.cancel_wanted = True
        if assignment.sent:
            self._supervisor.send(Cancel(job=job_id))
        self._notify()

    def kill(self) -> None:
        """End the worker at once. Another one takes its place."""
        self._supervisor.kill()

    async def stop(self) -> None:
        """End the worker: ask it by closing its stdin, and kill it when it does not go."""
        await self._supervisor.end()

    async def _perform(self, task: Generate | Load) -> AsyncGenerator[JobReport, None]:
        if self._assignment is not None:
            raise RuntimeError(f"job {task.job} was given to an engine that has job {self._assignment.task.job}")
        assignment = self._assignment = _Assignment(task)
        try:
            if not await self._hand_over(assignment):
                yield Cancelled(job=task.job)
                return
            while True:
                report = await assignment.reports.get()
                if isinstance(report, WorkerDied):
                    raise report
                yield report
                if isinstance(report, FINAL_REPORTS):
                    return
        finally:
            if self._assignment is assignment:
                self._assignment = None
                if assignment.sent:
                    # Nobody listens any more, and the next job must not meet what this one leaves.
                    self.kill()
            self._notify()

    async def _hand_over(self, assignment: _Assignment) -> bool:
        """Give the worker its command when it is ready. False when the job is cancelled first. Raises WorkerDied."""
        supervisor = self._supervisor
        supervisor.begin()
        await self._until(
            lambda: supervisor.ready or assignment.cancel_wanted or supervisor.degraded or not supervisor.active
        )
        if assignment.cancel_wanted:
            return False
        if not supervisor.ready:
            raise self._why_not_ready()
        assignment.sent = True
        supervisor.send(assignment.task)
        self._notify()
        return True

    def _why_not_ready(self) -> WorkerDied:
        return self._supervisor.error or WorkerDied("The worker was stopped.")

    def _on_report(self, report: JobReport) -> None:
        assignment = self._assignment
        if assignment is None or not assignment.sent or report.job != assignment.task.job:
            raise ProtocolError(f"a report about job {report.job}, which it does not have")
        if assignment.reports.qsize() >= _MOST_UNREAD_REPORTS:
            raise ProtocolError("more reports than anybody reads")
        assignment.reports.put_nowait(report)
        if isinstance(report, FINAL_REPORTS):
            # From here on the worker is free, and has nothing more to say about this job.
            self._supervisor.did_well()
            self._assignment = None
            self._notify()

    def _on_death(self, error: WorkerDied) -> None:
        if self._assignment is not None and self._assignment.sent:
            self._assignment.reports.put_nowait(error)

    def _tell_log(self, level: int, line: str) -> None:
        job = f"job {self._assignment.task.job}: " if self._assignment is not None else ""
        worker_log.log(level, "%s%s", job, line)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._on_change()
