"""A scheduler with engines that do what the test says, and a clock that goes when the test says."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server.jobs.admission import Admission, AdmissionLimits
from server.jobs.clip_files import ClipFiles
from server.jobs.feed import JobFeed
from server.jobs.folders import DataFolders
from server.jobs.job import Clip, Job
from server.jobs.request import VideoRequest
from server.jobs.scheduler import Scheduler
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import JobState
from server.jobs.style_loras import StyleLoras
from server.jobs.tasks import TaskMaker
from server.jobs.uploads import NoUploads
from server.media.naming import clip_name, frame_name, partial_name, sidecar_name
from server.media.sidecar import Sidecar, SidecarModel
from server.workers.engine import EngineState, WorkerDied
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
)
from tests.server.jobs.small_requests import REQUEST, WIDE, write_models

PHASES = ("loading", "running", "decoding", "encoding")


def write_clip_folder(clips: Path, job_id: str, request: VideoRequest, index: int = 1) -> Clip:
    """A clip as the worker writes it, with files that hold nothing. It is clip `index` of the job's `request`."""
    alone = request.of_clip(index)
    folder = clips / clip_name(alone.prompt, alone.seed, job_id)
    temporary = clips / partial_name(job_id)
    temporary.mkdir(parents=True)
    frames = [frame_name(number) for number in range(1, alone.num_frames + 1)]
    for name in frames:
        (temporary / name).touch()
    size = {"width": alone.width, "height": alone.height}
    sidecar = Sidecar(
        job=job_id,
        request=alone,
        fps=8,
        frame_count=alone.num_frames,
        model=SidecarModel(name="wide", title="Wide", licence="GPL-3.0-or-later"),
        versions={},
        created_at="2026-01-31T12:00:00.000Z",
        sha256=dict.fromkeys(frames, ""),
        **size,
    )
    (temporary / sidecar_name(alone.prompt)).write_bytes(sidecar.to_json())
    temporary.rename(folder)
    return Clip(
        index=index,
        name=folder.name,
        sidecar=sidecar_name(alone.prompt),
        seed=alone.seed,
        frame_count=alone.num_frames,
        fps=8,
        folder=str(folder),
        **size,
    )


class ScriptedEngine:
    """An engine whose reports the test gives it, one by one."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.state = EngineState.STOPPED
        self.reason: str | None = None
        self.pid: int | None = None
        self.device = "cpu"
        self.device_name: str | None = None
        self.versions: dict[str, str] = {}
        self.loaded_model: str | None = None
        self.memory = memory
        self.restarts = 0
        self.tasks: list[Generate] = []
        self.loads: list[Load] = []
        self.cancelled: list[str] = []
        self.kills = self.unloads = 0
        self.stopped = False
        self.usable = asyncio.Event()
        self.usable.set()
        self._reports: asyncio.Queue[JobReport | Exception] = asyncio.Queue()

    @property
    def jobs(self) -> list[str]:
        return [task.job for task in self.tasks]

    async def start(self) -> None:
        await self.wait_until_usable()

    async def stop(self) -> None:
        self.stopped, self.state = True, EngineState.STOPPED

    async def wait_until_usable(self) -> None:
        await self.usable.wait()
        self.state = EngineState.IDLE

    def degrade(self) -> None:
        self.usable.clear()
        self.state = EngineState.DEGRADED

    async def run(self, task: Generate) -> AsyncGenerator[JobReport, None]:
        self.tasks.append(task)
        self.loaded_model = task.request.model
        async for report in self._reports_until_the_end():
            yield report

    async def load(self, task: Load) -> AsyncGenerator[JobReport, None]:
        self.loads.append(task)
        async for report in self._reports_until_the_end():
            yield report

    async def unload(self) -> None:
        assert self.state is EngineState.IDLE
        self.unloads += 1
        self.loaded_model, self.state = None, EngineState.STOPPED

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def kill(self) -> None:
        self.kills += 1
        self.says(WorkerDied("killed"))

    def says(self, *reports: JobReport | Exception) -> None:
        for report in reports:
            self._reports.put_nowait(report)

    async def _reports_until_the_end(self) -> AsyncGenerator[JobReport, None]:
        self.state = EngineState.BUSY
        try:
            while True:
                report = await self._reports.get()
                if isinstance(report, Exception):
                    raise report
                yield report
                if isinstance(report, Finished | Failed | Cancelled):
                    return
        finally:
            self.state = EngineState.IDLE
            # What was said to a job that is over is not said to the next one.
            self._reports = asyncio.Queue()


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), awake))
        await awake

    async def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _, awake in due:
            if not awake.done():
                awake.set_result(None)
        await settle()


async def settle() -> None:
    """Let everything happen that can happen without another word from the test."""
    for _ in range(50):
        await asyncio.sleep(0)


class Stage:
    """A scheduler at work with scripted engines, in a data folder."""

    def __init__(self, root: Path, engines: Sequence[ScriptedEngine] = (), **settings: Any) -> None:
        self.engines = list(engines) or [ScriptedEngine()]
        self.clock = HandClock()
        self.folders = DataFolders(root)
        self.folders.create()
        self.store = SqliteJobStore(None)
        self.feed = JobFeed(self.store)
        self.files = ClipFiles(self.folders)
        models = write_models(root / "models", WIDE, {**WIDE, "name": "other"})
        tasks = TaskMaker(models, self.folders, NoUploads(), StyleLoras(self.folders.style_loras))
        self.free_bytes = 10**12
        limits = settings.pop("limits", AdmissionLimits())
        admission = Admission(limits, lambda: self.free_bytes)
        self.scheduler = Scheduler(self.feed, self.engines, tasks, self.files, admission, clock=self.clock, **settings)
        self.scheduler.start()

    @property
    def engine(self) -> ScriptedEngine:
        return self.engines[0]

    def submit(self, **fields: Any) -> Job:
        return self.scheduler.submit(REQUEST.model_copy(update=fields))

    def now(self, job: Job) -> Job:
        latest = self.store.get(job.id)
        assert latest is not None
        return latest

    async def until(self, job: Job, *states: JobState) -> Job:
        async for record in self.feed.follow(job.id):
            if record.state in states:
                return record
        raise AssertionError(f"the job ended as {self.store.get(job.id)}")

    def succeed(self, job: Job, engine: ScriptedEngine | None = None) -> None:
        (engine or self.engine).says(
            *(Phase(job=job.id, phase=phase) for phase in PHASES),
            ClipReady(job=job.id, clip=write_clip_folder(self.folders.clips, job.id, job.request)),
            Finished(job=job.id),
        )


def play(scene: Callable[[Stage], Awaitable[None]], root: Path, engines: int = 1, **settings: Any) -> None:
    """Run a scene on a new stage; at its end every engine must have been stopped."""

    async def whole() -> None:
        stage = Stage(root, [ScriptedEngine() for _ in range(engines)], **settings)
        await asyncio.wait_for(scene(stage), 10)
        await stage.scheduler.stop()
        assert all(engine.stopped for engine in stage.engines)

    asyncio.run(whole())
