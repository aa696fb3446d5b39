"""The worker process, `python -m server.workers.process`: commands come on stdin, reports go to stdout.

It ends when its stdin does, so that it never outlives the server.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO

from server.logs import log_to_stderr
from server.workers.messages import (
    Cancel,
    Cancelled,
    Failed,
    Finished,
    Generate,
    JobReport,
    ProtocolError,
    read_command,
)

log = logging.getLogger(__name__)


class Inbox:
    """The commands from the server, read by a thread so that a cancel is seen in the middle of a job."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tasks: queue.SimpleQueue[Generate] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_task(self) -> Generate:
        """Wait for the next clip to make."""
        return self._tasks.get()

    def is_cancelled(self, job_id: str) -> bool:
        """Whether the server wants this job stopped."""
        return job_id in self._cancelled

    def _read(self) -> None:
        for line in self._stream:
            try:
                command = read_command(line)
            except ProtocolError as error:
                log.error("%s", error)
                break
            if isinstance(command, Cancel):
                self._cancelled.add(command.job)
            elif isinstance(command, Generate):
                self._tasks.put(command)
        # The server is gone. The main thread may be deep in the model, so nothing less ends the process at once.
        os._exit(0)


def claim_stdout() -> BinaryIO:
    """The real stdout, for reports only: whatever else prints to stdout, in Python or C, ends up in the log."""
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reports


def main() -> None:
    """Make clips until stdin ends."""
    # Ctrl+C in a terminal reaches every process in it; only the server decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reports = claim_stdout()
    log_to_stderr()
    inbox = Inbox(sys.stdin.buffer)
    # These bring torch, which takes seconds: the thread that notices the server's end must run by then.
    from server.workers.failures import describe_failure, is_out_of_memory
    from server.workers.generator import ClipGenerator, GenerationCancelled

    def report(message: JobReport) -> None:
        reports.write(message.to_line())

    generator = ClipGenerator()
    while True:
        task = inbox.next_task()
        out_of_memory = False
        try:
            generator.generate(task, report, lambda job=task.job: inbox.is_cancelled(job))  # type: ignore[misc]
            report(Finished(job=task.job))
        except GenerationCancelled:
            report(Cancelled(job=task.job))
        except Exception as error:
            log.exception("job %s failed", task.job)
            out_of_memory = is_out_of_memory(error)
            report(Failed(job=task.job, error=describe_failure(error)))
        if out_of_memory:
            # Outside of the handler: the exception's frames hold the tensors.
            generator.unload()


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        log.exception("the worker cannot go on")
    # Without the interpreter's own end, which the inbox thread, waiting for stdin, would get in the way of.
    os._exit(1)
