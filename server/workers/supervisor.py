"""Keeps a worker process alive: watches it, and starts another one when it has died."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from server.workers.child import ChildWorker, Patience
from server.workers.engine import WorkerDied, WorkerUnusable
from server.workers.messages import Command, Heartbeat, Hello, JobReport, Report, Unusable
from server.workers.restarts import DeathRecord, RestartPolicy
from server.workers.worker_log import Tell

log = logging.getLogger(__name__)


class Supervisor:
    """One worker process after the other. `begin` and `end` can be called again and again.

    `on_report` is called with every report about a command and may raise ProtocolError, `on_death` with the error of a
    worker that has gone, `on_change` when a property has changed. `tell_log` takes the worker's log.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        patience: Patience,
        restarts: RestartPolicy,
        on_report: Callable[[JobReport], None],
        on_death: Callable[[WorkerDied], None],
        on_change: Callable[[], None],
        tell_log: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = list(command)
        self._patience = patience
        self._on_report = on_report
        self._on_death = on_death
        self._on_change = on_change
        self._tell_log = tell_log
        self._clock = clock
        self._deaths = DeathRecord(restarts)
        self._task: asyncio.Task[None] | None = None
        self._child: ChildWorker | None = None
        self._killed = False
        self._greeted = False
        self._unusable: Unusable | None = None
        self._delay = 0.0
        # What the present worker has said or, when there is none, the last one.
        self.hello: Hello | None = None
        # Of the present worker only.
        self.pulse = Heartbeat()
        # The error of the last worker, until the next one is ready.
        self.error: WorkerDied | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        return self._child.pid if self._child is not None else None

    @property
    def active(self) -> bool:
        """Whether there is a worker, or will be without further ado."""
        return self._task is not None

    @property
    def ready(self) -> bool:
        """Whether there is a worker that takes commands."""
        return self._greeted and self._child is not None and not self._child.is_ending

    @property
    def degraded(self) -> bool:
        """Whether the worker dies again and again."""
        return self._deaths.degraded

    def begin(self) -> None:
        """See to it that there is a worker, soon."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_alive(), name="worker supervisor")
            self._on_change()

    async def end(self) -> None:
        """End the worker, by force if need be, and start no other."""
        task, child, self._task = self._task, self._child, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self.error, self._deaths.degraded = None, False
        self._on_change()
        if child is not None:
            await child.stop()
            log.info("worker %d stopped", child.pid)

    def send(self, command: Command) -> None:
        """Write a command to the worker. Does nothing when it has gone: `on_death` tells that."""
        if self._child is not None:
            self._child.send(command)

    def kill(self) -> None:
        """End the worker at once. Another one takes its place without delay."""
        if self._child is not None:
            self._killed = True
            self._child.kill("it was killed on purpose")
            self._on_change()

    def did_well(self) -> None:
        """Record that the worker has brought a job to its end."""
        self._deaths.did_well()

    async def _keep_alive(self) -> None:
        """Start the worker, and again whenever it has died. Ends by being cancelled."""
        if self._child is not None:
            # An earlier one on its way out, which still has its memory.
            await self._child.wait()
        while True:
            await self._live_once()
            await asyncio.sleep(self._delay)
            self.restarts += 1

    async def _live_once(self) -> None:
        self._killed, self._unusable = False, None
        try:
            self._child = await ChildWorker.start(
                self._command, self._patience, on_report=self._hear, on_end=self._mourn, tell_log=self._tell_log
            )
        except OSError as error:
            self._mourn(f"it cannot be started ({error.strerror or error})")
            return
        log.info("worker %d started", self._child.pid)
        self._on_change()
        await self._child.wait()

    def _hear(self, report: Report) -> None:
        match report:
            case Hello():
                self.hello, self._greeted, self.error = report, True, None
                self._deaths.is_back()
                log.info("worker %s is ready on %s (%s)", self.pid, report.device, report.device_name)
            case Unusable():
                self._unusable = report
            case Heartbeat():
                self.pulse = report
            case _:
                self._on_report(report)
                return
        self._on_change()

    def _mourn(self, reason: str) -> None:
        """The worker has gone; `reason` is a clause such as "it ended with status 3"."""
        pid, self._child = self.pid, None
        self._greeted, self.pulse = False, Heartbeat()
        if self.active:
            self.error = self._weigh(reason)
            log.log(logging.INFO if self._killed else logging.ERROR, "worker %s: %s", pid or "", self.error)
        self._on_death(self.error or WorkerDied("The worker was stopped."))
        self._on_change()

    def _weigh(self, reason: str) -> WorkerDied:
        """Decide when the next worker comes, and say what has become of this one."""
        if self._killed:
            self._delay = 0.0
            return WorkerDied(f"The worker has gone: {reason}.")
        self._delay = self._deaths.died(self._clock(), hopeless=self._unusable is not None)
        if self._unusable is not None:
            return WorkerUnusable(self._unusable.code, self._unusable.message)
        if not self.degraded:
            return WorkerDied(f"The worker has gone: {reason}.")
        return WorkerDied(
            f"{self._deaths.summary()}, the last time because {reason}; the server's log has the details. "
            f"It is tried again every {self._delay:g} seconds."
        )
