"""An engine that runs its worker as a child process on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncGenerator, Sequence

from server.launch import module_environment
from server.workers.engine import EngineState, WorkerDied
from server.workers.messages import (
    FINAL_REPORTS,
    Cancel,
    Command,
    Generate,
    Heartbeat,
    Hello,
    JobReport,
    ProtocolError,
    Report,
    read_report,
)

log = logging.getLogger(__name__)

WORKER_COMMAND = (sys.executable, "-m", "server.workers.process")
# A report is a few hundred bytes; a prompt of the longest kind still fits with room to spare.
_LONGEST_LINE = 1 << 20
_STOP_SECONDS = 2.0


class LocalEngine:
    """An Engine with one child process. It is started when needed and again after it died.

    `command` starts a program that speaks the worker protocol on its stdin and stdout; its stderr is the server's log.
    """

    def __init__(self, command: Sequence[str] = WORKER_COMMAND) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False
        self._job_id: str | None = None
        self._sent = False
        self._cancel_wanted = False

    @property
    def state(self) -> EngineState:
        """What the worker is doing."""
        if self._job_id is not None:
            return EngineState.BUSY
        return EngineState.IDLE if self.pid is not None else EngineState.STOPPED

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and alive else None

    async def start(self) -> None:
        """Start the worker unless it runs. Raises WorkerDied when it cannot be started."""
        if self._killed and self._process is not None:
            # A killed process looks alive until it has been waited for.
            await self._process.wait()
        if self.pid is not None:
            return
        self._killed = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                env=module_environment(),
            )
        except OSError as error:
            raise WorkerDied(f"the worker cannot be started: {error}") from error
        log.info("worker %d started", self._process.pid)

    async def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        """The reports of one job as they come; the last one is final. Raises WorkerDied when that one never comes."""
        self._job_id, self._sent, self._cancel_wanted = task.job, False, False
        try:
            await self.start()
            self._send(task)
            self._sent = True
            if self._cancel_wanted:
                self._send(Cancel(job=task.job))
            while True:
                report = await self._next_report()
                if isinstance(report, Hello | Heartbeat):
                    continue
                if report.job != task.job:
                    self.kill()
                    raise WorkerDied(f"the worker spoke of job {report.job}, which it does not have")
                yield report
                if isinstance(report, FINAL_REPORTS):
                    return
        finally:
            self._job_id = None

    def cancel(self, job_id: str) -> None:
        """Ask the worker to stop this job. Does nothing when it is not the one being made."""
        if job_id != self._job_id:
            return
        self._cancel_wanted = True
        if self._sent:
            with contextlib.suppress(WorkerDied):
                self._send(Cancel(job=job_id))

    def kill(self) -> None:
        """End the worker at once."""
        self._killed = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """End the worker: ask it by closing its stdin, and kill it when it does not go."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.kill()
            await process.wait()
        log.info("worker %d stopped", process.pid)

    def _send(self, command: Command) -> None:
        assert self._process is not None and self._process.stdin is not None
        if self._process.returncode is not None or self._process.stdin.is_closing():
            raise WorkerDied(f"the worker has ended with status {self._process.returncode}")
        self._process.stdin.write(command.to_line())

    async def _next_report(self) -> Report:
        assert self._process is not None and self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise WorkerDied(f"the worker ended with status {await self._process.wait()}")
            return read_report(line)
        except (ProtocolError, ValueError) as error:
            # Whoever writes such a line cannot be trusted with the rest of the job either.
            self.kill()
            await self._process.wait()
            raise WorkerDied(str(error)) from error
