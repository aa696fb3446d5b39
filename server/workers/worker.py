"""What the worker process does: one command after the other, and a heartbeat all the time. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NoReturn, Protocol

from server.jobs.job import JobError
from server.workers.inbox import Inbox
from server.workers.messages import (
    Cancelled,
    Failed,
    Finished,
    Generate,
    Heartbeat,
    Hello,
    JobReport,
    Load,
    Memory,
)
from server.workers.outbox import Heart, Outbox

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0

ReportTo = Callable[[JobReport], None]
ShouldStop = Callable[[], bool]


class Generator(Protocol):
    """What makes the clips.

    `should_stop` is asked at least once in every transformer block and every downloaded chunk; when it says so, the
    method raises an exception that the worker's `explain` takes for a cancel.
    """

    @property
    def loaded_model(self) -> str | None:
        """The name of the model in memory. Asked from any thread."""

    def generate(self, task: Generate, report: ReportTo, should_stop: ShouldStop) -> None:
        """Make the clips of `task` and tell `report` about it on the way. Raises whatever stands in the way."""

    def load(self, task: Load, report: ReportTo, should_stop: ShouldStop) -> None:
        """Bring a model into memory, likewise."""

    def unload(self) -> None:
        """Drop the model."""


class Worker:
    """Does the commands of `inbox` with `generator`.

    `explain` turns an exception into the error of a job, or into None if it means that the job was cancelled.
    `measure_memory` is called from any thread.
    """

    def __init__(
        self,
        inbox: Inbox,
        outbox: Outbox,
        generator: Generator,
        explain: Callable[[Exception], JobError | None],
        measure_memory: Callable[[], Memory | None],
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._generator = generator
        self._explain = explain
        self._measure_memory = measure_memory

    def run(self, hello: Hello, heartbeat: float = HEARTBEAT_SECONDS) -> NoReturn:
        """Say hello, and do what is asked until the process ends; a heartbeat every `heartbeat` seconds."""
        heart = Heart(self._outbox, self._measure, heartbeat)
        self._outbox.send(hello)
        heart.beat()
        heart.start()
        while True:
            task = self._inbox.next_task()
            result = self._perform(task)
            if isinstance(result, Failed) and result.error.code == "out_of_memory":
                # Not where the exception was handled: its frames hold the tensors.
                self._generator.unload()
            self._inbox.forget(task.job)
            # Before the result, so that whoever has the result knows what is loaded now.
            heart.beat()
            self._outbox.send(result)

    def _perform(self, task: Generate | Load) -> Finished | Failed | Cancelled:
        """Do one command. Returns its final report."""

        def should_stop() -> bool:
            return self._inbox.is_cancelled(task.job)

        try:
            if isinstance(task, Generate):
                self._generator.generate(task, self._outbox.send, should_stop)
            else:
                self._generator.load(task, self._outbox.send, should_stop)
        except Exception as error:
            reason = self._explain(error)
            if reason is None:
                return Cancelled(job=task.job)
            log.exception("job %s failed", task.job)
            return Failed(job=task.job, error=reason)
        return Finished(job=task.job)

    def _measure(self) -> Heartbeat:
        return Heartbeat(loaded_model=self._generator.loaded_model, memory=self._measure_memory())
