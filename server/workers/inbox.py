"""The worker's commands, as they come from the server."""

from __future__ import annotations

import logging
import os
import queue
import threading
from typing import BinaryIO

from server.workers.messages import Cancel, Generate, Load, ProtocolError, read_command

log = logging.getLogger(__name__)


class Inbox:
    """The commands from the server, read by a thread so that a cancel is seen in the middle of a job.

    When the stream ends, the server has gone, and the process ends at once.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tasks: queue.SimpleQueue[Generate | Load] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_task(self) -> Generate | Load:
        """Wait for the next thing to do."""
        return self._tasks.get()

    def is_cancelled(self, job_id: str) -> bool:
        """Whether the server wants this job stopped."""
        return job_id in self._cancelled

    def forget(self, job_id: str) -> None:
        """Drop what was kept about a job that is over."""
        self._cancelled.discard(job_id)

    def _read(self) -> None:
        for line in self._stream:
            try:
                command = read_command(line)
            except ProtocolError as error:
                log.error("%s", error)
                break
            if isinstance(command, Cancel):
                self._cancelled.add(command.job)
            else:
                self._tasks.put(command)
        # The main thread may be deep in the model, so nothing less ends the process at once.
        os._exit(0)
