"""Reading what has arrived on a pipe without ever waiting for more."""

import os
import sys
from typing import IO

# Taken at one go: about sixteen events, a fraction of a millisecond to read and decode. The rest waits in the pipe.
_READ_SIZE = 1 << 14


class PipeReader:
    """Lines from a child's unbuffered standard output, taken without blocking.

    POSIX switches the pipe to non-blocking. On Windows an anonymous pipe cannot be switched with documented calls, so
    the reader asks with PeekNamedPipe how much is there and reads no more than that.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._rest = b""
        self.closed = False
        if sys.platform != "win32":
            os.set_blocking(pipe.fileno(), False)

    def lines(self) -> list[bytes]:
        """The complete lines that have arrived, without their newlines; sets `closed` at the end of the stream."""
        arrived = self._read_available()
        if not arrived:
            return []
        *lines, self._rest = (self._rest + arrived).split(b"\n")
        return [line for line in lines if line.strip()]

    def _read_available(self) -> bytes:
        if self.closed:
            return b""
        try:
            size = _bytes_waiting(self._pipe) if sys.platform == "win32" else _READ_SIZE
            if size == 0:
                return b""
            arrived = os.read(self._pipe.fileno(), size)
        except BlockingIOError:
            return b""
        except OSError:
            arrived = b""
        self.closed = not arrived
        return arrived


if sys.platform == "win32":

    def _bytes_waiting(pipe: IO[bytes]) -> int:
        """How many bytes can be read at once. Raises OSError when the other end is closed."""
        import ctypes
        import msvcrt
        from ctypes import wintypes

        waiting = wintypes.DWORD()
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(pipe.fileno()))
        peek = ctypes.WinDLL("kernel32", use_last_error=True).PeekNamedPipe
        if not peek(handle, None, 0, None, ctypes.byref(waiting), None):
            raise ctypes.WinError(ctypes.get_last_error())
        return min(waiting.value, _READ_SIZE)

else:

    def _bytes_waiting(pipe: IO[bytes]) -> int:
        raise NotImplementedError("Only Windows asks before it reads.")
