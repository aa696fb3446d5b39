"""One worker process as the server sees it, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from server.environment import HUB_SECRETS, without_secrets
from server.launch import module_environment
from server.process_tree import OWN_GROUP, ProcessTree
from server.workers.flow import TokenBucket
from server.workers.messages import Command, Hello, ProtocolError, Report, Unusable, read_report
from server.workers.worker_log import Tell, drain_log

log = logging.getLogger(__name__)

# A report is a few hundred bytes.
_LONGEST_LINE = 1 << 16
# A worker reports once a step, and a step that takes less than some milliseconds is no model's.
_BURST_REPORTS = 2000
_REPORTS_PER_SECOND = 500
_REAP_SECONDS = 5.0


@dataclass(frozen=True)
class Patience:
    """How long the server waits for a worker, in seconds.

    `start` is until it is ready: a cold disk takes a minute for torch. `silence` is between two signs of life, which
    the worker gives every few seconds unless something holds Python's global lock.
    """

    start: float = 180.0
    silence: float = 60.0
    stop: float = 2.0


def worker_environment() -> dict[str, str]:
    """The environment of a worker, which shares the processor with Blender."""
    # OpenMP's threads spin while they wait for each other, so that two that another program keeps apart burn their
    # time: beside ten busy processes on two cores, ten steps of mini took 55 s spinning and 4 s sleeping.
    # Of the secrets, a worker needs those for downloads only.
    return {"OMP_WAIT_POLICY": "PASSIVE", **without_secrets(module_environment(), keep=HUB_SECRETS)}


class ChildWorker:
    """A worker process. It is watched until it has ended, and ended when it breaks the protocol or falls silent.

    `on_report` is called with every report and may raise ProtocolError. `on_end` is called once, when the process has
    gone, with the reason: a clause such as "it ended with status 3".
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        patience: Patience,
        on_report: Callable[[Report], None],
        on_end: Callable[[str], None],
        tell_log: Tell,
    ) -> None:
        self._process = process
        self._tree = ProcessTree(process.pid)
        self._patience = patience
        self._on_report = on_report
        self._on_end = on_end
        self._tell_log = tell_log
        self._heard = False
        self._greeted = False
        self._reason: str | None = None
        self._life = asyncio.create_task(self._live(), name=f"worker {process.pid}")

    @classmethod
    async def start(cls, command: Sequence[str], patience: Patience, **callbacks: Any) -> ChildWorker:
        """Start `command`. Raises OSError when that is not possible."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            env=worker_environment(),
            **OWN_GROUP,
        )
        return cls(process, patience, **callbacks)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_ending(self) -> bool:
        """Whether the process was killed or told to stop, and will do nothing more."""
        return self._reason is not None

    def send(self, command: Command) -> None:
        """Write a command to the worker. Does nothing when it has gone: `on_end` tells that."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(command.to_line())

    def kill(self, reason: str) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._reason = self._reason or reason
            self._kill_group()

    def _kill_group(self) -> None:
        self._tree.kill()

    async def wait(self) -> None:
        """Wait until the process has gone and `on_end` was called."""
        await asyncio.shield(self._life)

    async def stop(self) -> None:
        """End the process: ask it by closing its stdin, and kill it when it does not go."""
        self._reason = self._reason or "it was stopped"
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait([self._life], timeout=self._patience.stop)
        self.kill("it did not stop when it was asked to")
        await self.wait()

    async def _live(self) -> None:
        assert self._process.stdout is not None and self._process.stderr is not None
        watch = asyncio.create_task(self._watch())
        logs = asyncio.create_task(drain_log(self._process.stderr, self._tell_log))
        try:
            # Whoever breaks the protocol cannot be trusted with the rest of the job either.
            problem = await self._read_reports(self._process.stdout)
            if problem is not None:
                self.kill(problem)
            status = await self._reap(self._process.stdout)
            # Its last words are the ones that are needed.
            await asyncio.wait([logs], timeout=1)
        finally:
            watch.cancel()
            logs.cancel()
            self._tree.close()
        self._on_end(self._reason or _describe_status(status))

    async def _reap(self, stdout: asyncio.StreamReader) -> int | None:
        """Wait for the end of a process that has closed its stdout or was killed. Returns its status."""

        async def reap() -> None:
            # asyncio counts a process as ended when its pipes are, and those only when they have been read.
            while await stdout.read(_LONGEST_LINE):
                pass
            await self._process.wait()

        try:
            await asyncio.wait_for(reap(), 1.0 if self._reason is None else _REAP_SECONDS)
        except TimeoutError:
            self.kill("it closed its output and went on")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _REAP_SECONDS)
        return self._process.returncode

    async def _read_reports(self, stdout: asyncio.StreamReader) -> str | None:
        """Hand on the reports until the stream ends or breaks the protocol. Returns what is wrong with it, if it is."""
        flow = TokenBucket(_BURST_REPORTS, _REPORTS_PER_SECOND)
        while True:
            try:
                line = await stdout.readline()
                if not line.endswith(b"\n"):
                    return None
                self._hand_on(read_report(line))
            except (ProtocolError, ValueError) as error:
                return f"it broke the protocol: {error}"
            except Exception:
                # A mistake of this program, which must not leave a worker that nobody watches.
                log.exception("the report %r cannot be handled", line[:200])
                return "the server made a mistake with its report"
            if not flow.take():
                return "it flooded the server with reports"
            # Lines that have come already are read without a pause, in which nobody else would have a turn.
            await asyncio.sleep(0)

    def _hand_on(self, report: Report) -> None:
        self._heard = True
        if not self._greeted and not isinstance(report, Hello | Unusable):
            raise ProtocolError(f"the first report is of type {report.type}")
        self._greeted = True
        self._on_report(report)

    async def _watch(self) -> None:
        """Kill a worker that has been silent for too long, and what one that has ended has left behind.

        asyncio tells the end of a process only when its pipes have ended as well, and a child of the worker may hold
        them. Silence is measured by adding up naps rather than by a clock: a computer that slept, or a server that was
        busy, has not made the worker silent.
        """
        silence = 0.0
        while True:
            limit = self._patience.silence if self._greeted else self._patience.start
            nap = min(limit / 8, 1.0)
            ended = self._process.returncode is not None
            await asyncio.sleep(nap)
            if ended:
                self._kill_group()
            silence = 0.0 if self._heard else silence + nap
            self._heard = False
            if silence >= limit:
                what = "gave no sign of life" if self._greeted else "was not ready"
                self.kill(f"it {what} for {limit:g} seconds")
                return


def _describe_status(status: int | None) -> str:
    if status is None:
        return "it cannot be ended"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"
