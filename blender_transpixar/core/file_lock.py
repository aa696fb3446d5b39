"""A lock between processes that ends with its holder, however that ends."""

import os
import sys
import time
from pathlib import Path
from types import TracebackType

_ATTEMPT_INTERVAL_S = 0.001
_PATIENCE_S = 2.0


class FileLock:
    """One lock on one file, which is made when it is missing. Not for the same object in two threads.

    The operating system takes it from a process that dies, so a crash leaves nothing locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock unless somebody has it. Raises OSError when the file cannot be made."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> "FileLock":
        # Held for one small write each time; who holds it for longer hangs, and must not hang Blender too.
        deadline = time.monotonic() + _PATIENCE_S
        while not self.try_acquire() and time.monotonic() < deadline:
            time.sleep(_ATTEMPT_INTERVAL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Raises OSError when another handle has it."""
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Raises OSError when another handle has it."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
