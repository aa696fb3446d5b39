"""Ctrl+C, a cluster's SIGTERM and a closed terminal, looked at between passes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

from server.ending import ending_signals


class Interruption:
    """Whether somebody has asked this process to stop.

    A second Ctrl+C stops at once, without a checkpoint.
    """

    def __init__(self) -> None:
        self._asked = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take the signals for the time of a block. Elsewhere than in the main thread, where Python allows none, do
        nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, *ending_signals())}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def is_asked_here(self) -> bool:
        """Say whether this process was asked."""
        return self._asked

    def is_asked(self, accelerator: Accelerator) -> bool:
        """Say whether any process was asked, so that all stop before the same pass."""
        if accelerator.num_processes == 1:
            return self._asked
        asked = torch.tensor([float(self._asked)], device=accelerator.device)
        return bool(accelerator.reduce(asked, "sum").item() > 0)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Not print: the signal may have come in the middle of one.
        os.write(2, b"\nStopping with a checkpoint; Ctrl+C again stops at once without one.\n")
