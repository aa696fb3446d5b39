"""A child process with all that it starts, which ends as one.

On POSIX it is a process group. On Windows it is a job object, which also ends when this process dies:
https://learn.microsoft.com/windows/win32/procthread/job-objects.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

# A process that is started with these is a tree of its own.
OWN_GROUP: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}

_EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation
_KILL_ON_CLOSE = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
_MAY_ASSIGN = 0x0100 | 0x0001  # PROCESS_SET_QUOTA, PROCESS_TERMINATE
_TASKKILL_SECONDS = 5.0


class ProcessTree:
    """The tree of a child that was started with `OWN_GROUP`. To be made at once, before the child starts others."""

    def __init__(self, pid: int, platform: str = sys.platform) -> None:
        self._pid = pid
        self._job = _Job.of(pid) if platform == "win32" else None
        self._is_windows = platform == "win32"

    def kill(self) -> None:
        """End the child, if it still runs, and all that it has started."""
        if self._job is not None:
            self._job.terminate()
        elif self._is_windows:
            _taskkill(self._pid)
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the tree when its child has gone; on Windows, what it has left behind ends."""
        if self._job is not None:
            self._job.close()
            self._job = None


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = [
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    ]


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    ]


class _Job:
    """A job object that one process, and whatever it starts, belongs to."""

    def __init__(self, kernel32: Any, handle: int) -> None:
        self._kernel32 = kernel32
        self._handle: int | None = handle

    @classmethod
    def of(cls, pid: int) -> _Job | None:
        """A new job with the process `pid` in it; None where Windows refuses."""
        kernel32 = load_kernel32()
        handle = kernel32.CreateJobObjectW(None, None)
        if not handle:
            return None
        limits = _ExtendedLimits()
        limits.basic.limit_flags = _KILL_ON_CLOSE
        size = ctypes.sizeof(limits)
        process = kernel32.OpenProcess(_MAY_ASSIGN, False, pid)
        assigned = (
            process
            and kernel32.SetInformationJobObject(handle, _EXTENDED_LIMITS, ctypes.byref(limits), size)
            and kernel32.AssignProcessToJobObject(handle, process)
        )
        if process:
            kernel32.CloseHandle(process)
        if not assigned:
            log.warning("process %d cannot be put into a job object", pid)
            kernel32.CloseHandle(handle)
            return None
        return cls(kernel32, handle)

    def terminate(self) -> None:
        if self._handle is not None:
            self._kernel32.TerminateJobObject(self._handle, 1)

    def close(self) -> None:
        if self._handle is not None:
            self._kernel32.CloseHandle(self._handle)
            self._handle = None


def load_kernel32() -> Any:
    """Windows' library of processes, with the types that its functions take: handles are pointers."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    handle, flag, number = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
    for name, result, arguments in (
        ("CreateJobObjectW", handle, [ctypes.c_void_p, ctypes.c_wchar_p]),
        ("OpenProcess", handle, [number, flag, number]),
        ("SetInformationJobObject", flag, [handle, flag, ctypes.c_void_p, number]),
        ("AssignProcessToJobObject", flag, [handle, handle]),
        ("TerminateJobObject", flag, [handle, number]),
        ("CloseHandle", flag, [handle]),
    ):
        function = getattr(kernel32, name)
        function.restype, function.argtypes = result, arguments
    return kernel32


def _taskkill(pid: int) -> None:
    command = ["taskkill", "/T", "/F", "/PID", str(pid)]
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, capture_output=True, timeout=_TASKKILL_SECONDS, check=False, creationflags=flags)
