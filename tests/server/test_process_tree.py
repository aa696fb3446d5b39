"""A child goes with all that it has started."""

import ctypes
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from server import process_tree
from server.process_tree import OWN_GROUP, ProcessTree

_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process group")
def test_a_tree_ends_as_one() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True, **OWN_GROUP) as parent:
        assert parent.stdout is not None
        tree = ProcessTree(parent.pid)
        child = psutil.Process(int(parent.stdout.readline()))
        tree.kill()
        parent.wait(5)
        for _ in range(100):
            if not child.is_running() or child.status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the child of the child goes on")
        tree.kill()
        tree.close()


class Kernel32:
    """Windows' functions for job objects, as far as a tree uses them; `refuses` names those that fail."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.open = set[int]()
        self._refuses = refuses

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append((name, *arguments))
            if name == self._refuses:
                return 0
            if name == "SetInformationJobObject":
                limits = ctypes.cast(arguments[2], ctypes.POINTER(process_tree._ExtendedLimits)).contents
                assert (arguments[1], limits.basic.limit_flags) == (9, 0x2000)
                # On 64 bits, as Windows' headers have it.
                assert arguments[3] == ctypes.sizeof(process_tree._ExtendedLimits) == 144
            if name in ("CreateJobObjectW", "OpenProcess"):
                handle = 100 + len(self.calls)
                self.open.add(handle)
                return handle
            if name == "CloseHandle":
                self.open.remove(arguments[0])
            return 1

        return call


def test_windows_has_a_job_object(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel32 = Kernel32()
    monkeypatch.setattr(process_tree, "load_kernel32", lambda: kernel32)
    tree = ProcessTree(7, platform="win32")
    (job,) = kernel32.open
    assert ("OpenProcess", 0x0101, False, 7) in kernel32.calls
    assert ("AssignProcessToJobObject", job) == next(call for call in kernel32.calls if call[0].startswith("Assign"))[
        :2
    ]
    tree.kill()
    assert kernel32.calls[-1] == ("TerminateJobObject", job, 1)
    tree.close()
    assert kernel32.open == set()


@pytest.mark.parametrize(
    "refuses", ["CreateJobObjectW", "OpenProcess", "SetInformationJobObject", "AssignProcessToJobObject"]
)
def test_windows_has_taskkill_otherwise(refuses: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel32 = Kernel32(refuses)
    commands: list[list[str]] = []
    monkeypatch.setattr(process_tree, "load_kernel32", lambda: kernel32)
    monkeypatch.setattr(process_tree.subprocess, "run", lambda command, **_: commands.append(command))
    tree = ProcessTree(7, platform="win32")
    tree.kill()
    tree.close()
    assert commands == [["taskkill", "/T", "/F", "/PID", "7"]] and kernel32.open == set()
