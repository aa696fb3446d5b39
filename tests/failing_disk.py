"""A disk that refuses one write: the n-th thing that Python does to it fails as on a full disk, or ends the process."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

_ENDED = 77


class _Disk:
    """Counts what changes the disk; the one numbered `last` is where it ends."""

    def __init__(self, last: int, end: Callable[[], None]) -> None:
        self.count = 0
        self._last = last
        self._end = end

    def touch(self) -> None:
        self.count += 1
        if self.count == self._last:
            self._end()

    def touching(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def touched(*arguments: Any, **options: Any) -> Any:
            self.touch()
            return function(*arguments, **options)

        return touched


def _refuse() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def failing_disk(last: int, end: Callable[[], None] = _refuse) -> Iterator[_Disk]:
    """Let everything that changes the disk work up to the one numbered `last`, from 1; those after it work again."""
    disk = _Disk(last, end)

    class Raw(io.FileIO):
        def write(self, data: Any, /) -> int:
            disk.touch()
            return super().write(data)

    real_open, real_os_open = io.open, os.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding=None, errors=None, newline=None, *_, **__):
        if not set(mode) & set("wxa+"):
            return real_open(file, mode, buffering, encoding, errors, newline)
        disk.touch()
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def os_opened(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            disk.touch()
        return real_os_open(path, flags, *arguments, **options)

    with (
        mock.patch.multiple(
            os,
            open=os_opened,
            **{name: disk.touching(getattr(os, name)) for name in ("fsync", "rename", "replace", "mkdir", "link")},
        ),
        mock.patch.object(io, "open", opened),
        mock.patch.object(builtins, "open", opened),
    ):
        yield disk


def refusals(
    write: Callable[[], object], errors: type[BaseException] | tuple[type[BaseException], ...]
) -> Iterator[int]:
    """Write again and again, and let one thing fail each time; yields after each. Ends when nothing failed any more.

    A write that fails may only raise `errors`, or succeed where what failed did not matter.
    """
    last = 0
    while True:
        last += 1
        with failing_disk(last) as disk, suppress(*errors):
            write()
        if disk.count < last:
            return
        yield last


def deaths(write: Callable[[], object]) -> Iterator[int]:
    """The same with a process that ends there, as by kill -9, and a new one each time. POSIX only."""
    last = 0
    while True:
        last += 1
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with failing_disk(last, lambda: os._exit(_ENDED)):
                    write()
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, _ENDED), f"the writer failed by itself, status {status}"
        if status == 0:
            return
        yield last


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def visible(folder: Path) -> set[str]:
    """The names in a folder that are no temporary ones."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.exists() else set()
