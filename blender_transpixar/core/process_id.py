"""Processes known by their number only."""

import os
import signal
import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _QUERY_LIMITED_INFORMATION = 0x1000
    _STILL_ACTIVE = 259

    def is_running(pid: int) -> bool:
        """Whether a process has this number."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = wintypes.HANDLE(kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid))
        if not handle:
            return False
        status = wintypes.DWORD()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(status))
        kernel.CloseHandle(handle)
        return bool(known) and status.value == _STILL_ACTIVE

    def end(pid: int) -> None:
        """End a process; Windows does so without asking it. Raises OSError."""
        os.kill(pid, signal.SIGTERM)

else:

    def is_running(pid: int) -> bool:
        """Whether a process has this number."""
        # 0 and below mean groups of processes.
        if pid <= 0:
            return False
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return True

    def end(pid: int) -> None:
        """Ask a process to end. Raises OSError."""
        os.kill(pid, signal.SIGTERM)
