"""The exports at work: a few at a time, each a child process that ends when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from server.environment import without_secrets
from server.exports.messages import EXPORT_REPORTS, ExportOrder, ExportOutcome, ExportProblem, ExportProgress
from server.launch import module_environment
from server.process_tree import OWN_GROUP, ProcessTree

log = logging.getLogger(__name__)

# Each takes a core or more, and some hundred MB.
MOST_EXPORTS = 2
# Longer than the process takes to end by itself.
_END_SECONDS = 2.5
_DIED = ExportProblem(
    code="not_convertible",
    message="The program that writes the clip has died, perhaps because memory ran out; use a smaller size.",
)


class ExportsBusy(Exception):
    """As many exports as may be are at work."""


class ExportsStopping(Exception):
    """The server stops, so nothing is exported any more."""


class ExportKeyTaken(Exception):
    """An export with this key is at work already."""


class ExportFailed(Exception):
    """A clip that was not written; `problem` says why."""

    def __init__(self, problem: ExportProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Exports:
    """Runs exports, at most `limit` at a time. Belongs to one event loop."""

    def __init__(self, limit: int = MOST_EXPORTS) -> None:
        self._limit = limit
        self._at_work = 0
        self._children: dict[asyncio.subprocess.Process, ProcessTree] = {}
        # Of those at work that have a key; None before the first frame.
        self._progress: dict[str, ExportProgress | None] = {}
        self._stopping = False

    async def run(self, order: ExportOrder, key: str | None = None) -> Path:
        """Write a clip as an order says, and return the file. When this is cancelled, the work ends.

        While it is at work, `progress_of(key)` tells how far it is. What is in the order's folder afterwards, also of
        what failed, is the caller's to remove. Raises ExportsBusy, ExportKeyTaken, ExportsStopping, and ExportFailed.
        """
        if self._stopping:
            raise ExportsStopping
        if self._at_work >= self._limit:
            raise ExportsBusy
        if key in self._progress:
            raise ExportKeyTaken
        self._at_work += 1
        try:
            outcome = await self._outcome(order, key)
        finally:
            self._at_work -= 1
            if key is not None:
                self._progress.pop(key, None)
        if self._stopping:
            raise ExportsStopping
        if outcome.file is None:
            raise ExportFailed(outcome.problem or _DIED)
        return order.folder / outcome.file

    def progress_of(self, key: str) -> ExportProgress | None:
        """How far the export with a key is; None before it writes. Raises KeyError when none of that key is at work."""
        return self._progress[key]

    async def stop(self) -> None:
        """End the exports at work, and begin no other."""
        self._stopping = True
        await asyncio.gather(*(_end(child, tree) for child, tree in self._children.items()))

    async def _outcome(self, order: ExportOrder, key: str | None) -> ExportOutcome:
        if key is not None:
            self._progress[key] = None
        try:
            child = await _start(order)
        except OSError as error:
            log.error("no export can be started: %s", error)
            return ExportOutcome(problem=_DIED)
        tree = self._children[child] = ProcessTree(child.pid)
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(order.to_line())
            outcome = await self._followed(child.stdout, key)
            await child.wait()
        finally:
            # A task of its own, which ends the process even when this one is cancelled once more.
            await asyncio.shield(asyncio.create_task(_end(child, tree)))
            self._children.pop(child, None)
        if outcome is None:
            log.error("an export ended with status %s and without an outcome", child.returncode)
            return ExportOutcome(problem=_DIED)
        return outcome

    async def _followed(self, lines: asyncio.StreamReader, key: str | None) -> ExportOutcome | None:
        """Take in what a process says until it is silent; its outcome, if it told one."""
        outcome = None
        async for line in lines:
            try:
                report = EXPORT_REPORTS.validate_json(line)
            except ValidationError:
                return None
            if isinstance(report, ExportOutcome):
                outcome = report
            elif key is not None:
                self._progress[key] = report
        return outcome


async def _start(order: ExportOrder) -> asyncio.subprocess.Process:
    # Its temporary files lie beside the result: on the disk that has room for clips, and gone with it.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(order.folder))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.exports.process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**without_secrets(module_environment()), **temporary},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        **OWN_GROUP,
    )


async def _end(child: asyncio.subprocess.Process, tree: ProcessTree) -> None:
    """Have a process end in order, which closes its files and ends its ffmpeg, or else by force."""
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await child.wait()
    except TimeoutError:
        tree.kill()
        await child.wait()
    finally:
        tree.close()
