"""An engine that makes small clips at once, and does as their prompts say."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from server.files import write_file
from server.jobs.job import JobError
from server.media.clip import write_clip
from server.media.png import encode_png
from server.media.sidecar import SidecarModel
from server.workers.engine import EngineState
from server.workers.messages import (
    Cancelled,
    ClipReady,
    Failed,
    Finished,
    Generate,
    JobReport,
    Load,
    Memory,
    Phase,
    Preview,
    Step,
)


class FakeEngine:
    """An Engine. Prompts with `hold` run until they are cancelled; a step of `slow` ones takes 20 ms, of `steady` ones
    100 ms; `fail` ones fail. The frames of a clip are alike, and those of `moving` ones get brighter and denser.
    """

    reason = None
    pid = None
    device = "cpu"
    device_name = "fake"
    versions = {"fake": "1.0"}
    memory = Memory(used_bytes=1, total_bytes=1000)
    restarts = 0

    def __init__(self) -> None:
        self.state = EngineState.STOPPED
        self.loaded_model: str | None = None
        self._cancel = asyncio.Event()

    async def start(self) -> None:
        self.state = EngineState.IDLE

    async def wait_until_usable(self) -> None:
        self.state = EngineState.IDLE

    async def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        self.state = EngineState.BUSY
        self._cancel.clear()
        try:
            async for report in self._make(task):
                yield report
        finally:
            self.state = EngineState.IDLE

    async def load(self, task: Load) -> AsyncGenerator[JobReport, None]:
        self.loaded_model = task.model_folder.name
        yield Finished(job=task.job)

    async def unload(self) -> None:
        self.loaded_model = None

    def cancel(self, job_id: str) -> None:
        self._cancel.set()

    def kill(self) -> None:
        self._cancel.set()

    async def stop(self) -> None:
        self.state = EngineState.STOPPED

    async def _make(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        job, request = task.job, task.request
        yield Phase(job=job, phase="loading")
        self.loaded_model = request.model
        if "fail" in request.prompt:
            yield Failed(job=job, error=JobError(code="model_failed", message="It was told to fail; do not."))
            return
        for index in range(task.first_clip, request.num_clips + 1):
            yield Phase(job=job, phase="running")
            for step in range(1, request.steps + 1):
                yield Step(job=job, clip=index, step=step, eta_seconds=1.0)
                if step == 1:
                    self._write_preview(task)
                    yield Preview(job=job, clip=index, step=step)
                if await self._cancelled(request.prompt):
                    yield Cancelled(job=job)
                    return
            yield Phase(job=job, phase="decoding")
            yield Phase(job=job, phase="encoding")
            yield ClipReady(job=job, clip=self._write_clip(task, index))
        yield Finished(job=job)

    async def _cancelled(self, prompt: str) -> bool:
        if "hold" in prompt:
            await self._cancel.wait()
        elif "slow" in prompt:
            await asyncio.sleep(0.02)
        elif "steady" in prompt:
            await asyncio.sleep(0.1)
        else:
            await asyncio.sleep(0)
        return self._cancel.is_set()

    def _write_preview(self, task: Generate) -> None:
        task.preview_file.parent.mkdir(parents=True, exist_ok=True)
        write_file(task.preview_file, encode_png(np.zeros((8, 8, 4), np.uint8)))

    def _write_clip(self, task: Generate, index: int):
        request = task.request.of_clip(index)
        frames = np.full((request.num_frames, request.height, request.width, 4), request.seed % 256, np.uint8)
        if "moving" in request.prompt:
            frames += 8 * np.arange(request.num_frames, dtype=np.uint8)[:, None, None, None]
        return write_clip(
            task.clips_folder,
            task.job,
            request,
            frames,
            fps=8,
            index=index,
            model=SidecarModel(name=request.model, title=request.model, licence="none"),
            versions={"fake": "1.0"},
            created_at="2026-01-31T12:00:00.000Z",
        )
