"""`python -m tests.server.chaos.quick_worker`: a worker whose model takes milliseconds; all else is the real thing."""

from __future__ import annotations

import os
import time

import numpy as np

from server.jobs.job import JobError
from server.media.clip import write_clip
from server.media.sidecar import SidecarModel
from server.workers.messages import ClipReady, Generate, Hello, Load, Phase, Step
from server.workers.process import open_channels
from server.workers.worker import ReportTo, ShouldStop, Worker

_STEP_SECONDS = 0.01


class Stopped(Exception):
    pass


class QuickGenerator:
    """Makes clips of one colour each, and writes them as the real one does."""

    loaded_model: str | None = None

    def generate(self, task: Generate, report: ReportTo, should_stop: ShouldStop) -> None:
        report(Phase(job=task.job, phase="loading"))
        self.loaded_model = task.request.model
        for index in range(task.first_clip, task.request.num_clips + 1):
            self._make_clip(task, index, report, should_stop)

    def _make_clip(self, task: Generate, index: int, report: ReportTo, should_stop: ShouldStop) -> None:
        request = task.request.of_clip(index)
        report(Phase(job=task.job, phase="running"))
        for step in range(1, request.steps + 1):
            time.sleep(_STEP_SECONDS)
            if should_stop():
                raise Stopped
            report(Step(job=task.job, clip=index, step=step))
        for phase in ("decoding", "encoding"):
            report(Phase.model_validate({"job": task.job, "phase": phase}))
        frames = np.full((request.num_frames, request.height, request.width, 4), request.seed % 256, np.uint8)
        clip = write_clip(
            task.clips_folder,
            task.job,
            request,
            frames,
            fps=8,
            index=index,
            model=SidecarModel(name="mini", title="quick", licence="none"),
            versions={},
            created_at="2026-01-31T12:00:00.000Z",
        )
        report(ClipReady(job=task.job, clip=clip))

    def load(self, task: Load, report: ReportTo, should_stop: ShouldStop) -> None:
        self.loaded_model = task.model_folder.name

    def unload(self) -> None:
        self.loaded_model = None


def explain(error: Exception) -> JobError | None:
    return None if isinstance(error, Stopped) else JobError(code="model_failed", message=repr(error))


if __name__ == "__main__":
    try:
        inbox, outbox = open_channels()
        worker = Worker(inbox, outbox, QuickGenerator(), explain, lambda: None)
        worker.run(Hello(device="cpu", device_name="a processor", versions={}))
    finally:
        # As the real one does: the thread that waits for commands would keep the interpreter from ending.
        os._exit(1)
