"""The worker's reports to the server, from several threads, and the heartbeat among them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from server.workers.messages import Heartbeat, Report


def claim_stdout() -> BinaryIO:
    """The real stdout, for reports only: whatever else prints to stdout, in Python or C, ends up in the log."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reports


class Outbox:
    """Writes reports, one whole line at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, report: Report) -> None:
        """Write a report. Raises OSError when the server has gone."""
        with self._lock:
            self._stream.write(report.to_line())
            self._stream.flush()


class Heart:
    """Sends a heartbeat every `interval` seconds from a thread of its own, whatever the main thread does.

    `measure` makes the heartbeat; it is called from both threads.
    """

    def __init__(self, outbox: Outbox, measure: Callable[[], Heartbeat], interval: float) -> None:
        self._outbox = outbox
        self._measure = measure
        self._interval = interval

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._run, name="heart", daemon=True).start()

    def beat(self) -> None:
        """Send a heartbeat now. Raises OSError when the server has gone."""
        self._outbox.send(self._measure())

    def _run(self) -> None:
        while True:
            time.sleep(self._interval)
            try:
                self.beat()
            except OSError:
                # The server has gone; the inbox ends the process.
                return
