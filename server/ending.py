"""A program that is told to end, or whose terminal is closed, cleans up as after Ctrl+C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGHUP is what a closed terminal sends, SIGBREAK is Windows' Ctrl+Break.
_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")
# What a shell says of a program that a signal has ended.
_STATUS_OF_SIGNAL = 128


def ending_signals() -> list[signal.Signals]:
    """The signals, besides that of Ctrl+C, that ask a program to end; not those that it was started to ignore.

    `nohup` has a program ignore that its terminal is closed.
    """
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]


class Ending:
    """Which signal has asked this program to end, if any."""

    def __init__(self) -> None:
        self.number: int | None = None

    def status(self, otherwise: int) -> int:
        """The exit status: that of a program that the signal has ended, unless the work was done all the same."""
        return otherwise if self.number is None or otherwise == 0 else _STATUS_OF_SIGNAL + self.number

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        # A closed terminal and its shell both send one; a second must not break off the cleaning up.
        for each in ending_signals():
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt


@contextmanager
def interrupted_by_signals() -> Iterator[Ending]:
    """Have these signals raise KeyboardInterrupt, once, while the block runs. Only in the main thread."""
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.signal(number, ending._end) for number in ending_signals()}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_signals_to_parent() -> None:
    """Let neither Ctrl+C nor a service manager end this process, which ends with its stdin.

    Both reach every process of a terminal or a service; only the server decides what it means.
    """
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, signal.SIG_IGN)
