"""The worker's standard error, line by line into the server's log, whatever the worker writes there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from server.workers.flow import TokenBucket

log = logging.getLogger(__name__)

_CHUNK = 1 << 16
_LONGEST_LINE = 2000
# A traceback of torch is about a hundred lines.
_BURST_LINES = 500
_LINES_PER_SECOND = 50
_LEVELS = {name.encode(): getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}

Tell = Callable[[int, str], None]


async def drain_log(stream: asyncio.StreamReader, tell: Tell) -> None:
    """Read `stream` to its end and `tell` each line, with its level.

    Long lines are cut and a flood of lines is thinned out, so that a worker that writes without end neither fills the
    disk nor the memory; it is read all the same, because a full pipe would stop the worker.
    """
    lines = _Lines(tell)
    while chunk := await stream.read(_CHUNK):
        lines.add(chunk)
        await asyncio.sleep(0)
    lines.end()


class _Lines:
    """Cuts chunks into lines."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._bucket = TokenBucket(_BURST_LINES, _LINES_PER_SECOND)
        self._rest = b""
        self._in_long_line = False
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        *complete, rest = (self._rest + chunk).split(b"\n")
        for line in complete:
            self._line(line)
        if len(rest) > _LONGEST_LINE and not self._in_long_line:
            self._line(rest)
            self._in_long_line = True
        # Of a line without end only that it goes on needs to be known.
        self._rest = b"" if self._in_long_line else rest

    def end(self) -> None:
        if self._rest:
            self._line(self._rest)
        self._tell_left_out()

    def _line(self, line: bytes) -> None:
        if self._in_long_line:
            # The end of a line whose beginning has been told.
            self._in_long_line = False
            return
        if not line.strip():
            return
        if not self._bucket.take():
            self._left_out += 1
            return
        self._tell_left_out()
        level, _, text = line.partition(b" ")
        if level not in _LEVELS:
            text = line
        cut = text[:_LONGEST_LINE].decode("utf-8", "replace") + (" ..." if len(text) > _LONGEST_LINE else "")
        self._tell(_LEVELS.get(level, logging.INFO), cut.rstrip())

    def _tell_left_out(self) -> None:
        if self._left_out:
            self._tell(logging.WARNING, f"({self._left_out} lines of the worker's log are left out here)")
            self._left_out = 0
