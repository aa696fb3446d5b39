"""Starting this package's programs as child processes, and the server as one."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import server

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class ServerNotStarted(Exception):
    """The server did not come up; `code` is the one of its start line, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def module_environment() -> dict[str, str]:
    """This process's environment with the package on the path, so that a child finds it from any directory."""
    package_parent = str(Path(server.__file__).parent.parent)
    paths = [package_parent, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


class ServerProcess:
    """A server as a child process, on a free port; it stops when this process does. A context manager.

    `options` are more options of `python -m server serve`. `log` takes the server's log (None: this process's stderr).
    `program` is a module that takes the same options, in place of the usual one. Raises ServerNotStarted when it does
    not come up.
    """

    def __init__(
        self, options: Sequence[str] = (), log: int | None = None, program: Sequence[str] = ("server", "serve")
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *program, "--port", "0", "--stop-with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=module_environment(),
        )
        try:
            self.url: str = self._start_line()["url"]
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Stop the server and return its exit status."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _start_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        # A pipe cannot be read with a time limit on every system; a thread and a queue can.
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=lambda out: lines.put(out.readline()), args=[self.process.stdout], daemon=True).start()
        try:
            line: dict[str, Any] = json.loads(lines.get(timeout=_START_SECONDS))
        except queue.Empty:
            raise ServerNotStarted("no_answer", "The server did not start in time; see its log.") from None
        except ValueError:
            raise ServerNotStarted("no_answer", "The server ended while it was starting; see its log.") from None
        if line.get("event") != "listening":
            raise ServerNotStarted(line.get("code", "failed"), line.get("message", "The server did not start."))
        return line
