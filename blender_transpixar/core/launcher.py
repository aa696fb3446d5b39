"""The server as a child of Blender: started, stopped and looked after without ever waiting for it.

The child's standard input is a pipe that only Blender holds. The system closes it when Blender ends, however it ends,
and the server ends at its end of file (`--stop-with-parent`). A server that is to stay gets no such pipe.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from . import server_log
from .address import is_loopback, parts
from .errors import ServerNotStartedError
from .server_exit import reason_for_end
from .server_options import ServerOptions, command_line

# How long a server may take to end its work after being asked, and then after being told, before it is killed.
_ASKED_S = 10.0
_TOLD_S = 5.0


class Phase(Enum):
    """What the child is doing."""

    ABSENT = "absent"
    STARTING = "starting"
    LISTENING = "listening"
    STOPPING = "stopping"
    # It has ended without being asked.
    ENDED = "ended"


class Launcher:
    """At most one server. `log_folder` takes its log, those of earlier starts beside it.

    `phase`, `error` (why it has ended) and `url` (where it listens) are as of the last `poll`.
    """

    def __init__(self, log_folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.phase = Phase.ABSENT
        self.error: ServerNotStartedError | None = None
        self.url = ""
        self._log_folder = log_folder
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._stays = False
        self._force_at: list[float] = []

    @property
    def log(self) -> Path:
        """The log of the present or the last start; it need not be there."""
        return self._log_folder / server_log.LOG_NAME

    @property
    def runs(self) -> bool:
        """Whether there is a child."""
        return self._process is not None

    def start(self, options: ServerOptions, places: Sequence[Path] = (), stay: bool = False) -> None:
        """Start the server; see `server_options.command_line`. With `stay` it goes on when Blender ends.

        Raises ServerNotConfiguredError and ServerNotStartedError. Does nothing while one runs.
        """
        self.poll()
        if self.runs:
            return
        words, folder = command_line(options, places)
        self._process = self._spawn([*words, *([] if stay else ["--stop-with-parent"])], folder, stay)
        self.phase, self.error, self.url = Phase.STARTING, None, options.url
        self._stays, self._force_at = stay, []

    def poll(self) -> bool:
        """Take note of what has happened; True when `phase` is another one now. Never waits."""
        before = self.phase
        if self._process is not None:
            status = self._process.poll()
            if status is not None:
                self._take_leave(status)
            elif self.phase is Phase.STARTING:
                self._look_for_start_line()
            elif self.phase is Phase.STOPPING:
                self._press()
        return self.phase is not before

    def stop(self) -> None:
        """Ask the server to end. `poll` goes on with more force when it does not."""
        if self._process is None or self.phase is Phase.STOPPING:
            return
        self.phase = Phase.STOPPING
        now = self._clock()
        self._force_at = [now + _ASKED_S + _TOLD_S, now + _ASKED_S]
        if self._process.stdin is not None:
            self._close_input()
        else:
            self._signal(by_force=False)

    def close(self) -> None:
        """Let go of the server when Blender or the add-on ends: it ends by itself, or stays if it was told to."""
        if self._process is not None:
            self._close_input()
            self._process = None
        self.phase = Phase.ABSENT

    def _spawn(self, words: list[str], folder: Path, stay: bool) -> "subprocess.Popen[bytes]":
        try:
            with server_log.rotate(self._log_folder).open("wb") as log:
                return subprocess.Popen(
                    words,
                    cwd=folder,
                    stdin=subprocess.DEVNULL if stay else subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=_environment(),
                    # A group of its own: Ctrl-C in Blender's terminal is not for it, and all of it can be killed.
                    start_new_session=True,
                    creationflags=_creation_flags(),
                )
        except OSError as error:
            raise ServerNotStartedError(
                f"The server cannot be started: {words[0]} ({error.strerror or error}). "
                "Correct its command in the add-on's preferences."
            ) from error

    def _look_for_start_line(self) -> None:
        said = server_log.start_line(server_log.tail(self.log))
        if said is not None and said["event"] == "listening":
            self.url, self.phase = str(said.get("url", self.url)), Phase.LISTENING

    def _take_leave(self, status: int) -> None:
        self._close_input()
        self._process = None
        if self.phase is Phase.STOPPING:
            self.phase = Phase.ABSENT
        else:
            self.phase, self.error = Phase.ENDED, reason_for_end(status, server_log.tail(self.log))

    def _press(self) -> None:
        if self._force_at and self._clock() >= self._force_at[-1]:
            self._force_at.pop()
            self._signal(by_force=not self._force_at)

    def _signal(self, by_force: bool) -> None:
        assert self._process is not None
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                # With all that it has started: ending it alone would leave its workers with the GPU's memory.
                subprocess.Popen(
                    ["taskkill", "/T", "/F", "/PID", str(self._process.pid)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    creationflags=_creation_flags(),
                )
            else:
                # All of the session: a command may be a script around the server.
                os.killpg(self._process.pid, signal.SIGKILL if by_force else signal.SIGTERM)

    def _close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def address_for_start(url: str) -> str:
    """The address for a server that may choose its port: `url`, or the same with another port when that is taken."""
    host, port = parts(url)
    for candidate in (port, 0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # A port in which old connections linger is free all the same.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, candidate))
                return f"{url.rpartition(':')[0]}:{probe.getsockname()[1]}"
    return url


def can_start_at(url: str) -> bool:
    """Whether a server started here could be what is looked for at a normalised address."""
    return url.startswith("http://") and is_loopback(url)


def _environment() -> dict[str, str]:
    """Blender's environment without what tells its own Python where its library is."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}
    return kept | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


def _creation_flags() -> int:
    """On Windows: no console window, and no share in Blender's Ctrl-C."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
