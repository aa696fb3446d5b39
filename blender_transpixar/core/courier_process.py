"""The add-on's end of the courier: starts the child process and talks to it without ever waiting."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from .errors import CourierStoppedError
from .pipe import PipeReader
from .protocol import Message, decode, encode

_FAREWELL_S = 3.0


class CourierProcess:
    """One running courier. `python_args` are options for the interpreter, such as Blender's own `-I`."""

    def __init__(self, python_args: Sequence[str] = ()) -> None:
        # The child's complaints go to a file: an unread pipe would fill up and stop it.
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the child)
        command = [sys.executable, *python_args, str(Path(__file__).with_name("courier_main.py"))]
        try:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                creationflags=_creation_flags(),
            )
        except OSError as error:
            raise CourierStoppedError(
                f"The helper process could not be started ({error}). Reinstall Blender, or check its permissions."
            ) from error
        assert self._process.stdout is not None
        self._reader = PipeReader(self._process.stdout)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Hand over one command. Raises CourierStoppedError.

        A command is far smaller than the pipe's buffer and the courier reads at once, so this does not wait.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(message))
        except OSError as error:
            raise self._stopped() from error

    def receive(self) -> list[Message]:
        """The events that have arrived. Raises CourierStoppedError when the child has ended and all are read."""
        lines = self._reader.lines()
        if not lines and self._reader.closed:
            raise self._stopped()
        return [message for message in map(_decoded, lines) if message is not None]

    def close(self) -> None:
        """End the child: politely, then by force. Waits a few seconds at the very most."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def _stopped(self) -> CourierStoppedError:
        reason = self._last_words()
        return CourierStoppedError(
            f"The helper process ended unexpectedly{f' ({reason})' if reason else ''}. Generate the clip again."
        )

    def _last_words(self) -> str:
        if self._log.closed:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _decoded(line: bytes) -> Message | None:
    """The message of a line; None for what a library may have printed in between."""
    try:
        return decode(line)
    except ValueError:
        return None


def _creation_flags() -> int:
    """On Windows: no console window, and no share in Blender's Ctrl-C."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
