"""The scheduler with an engine that does what the test says."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from server.jobs.feed import JobFeed
from server.jobs.job import Clip, Job, JobError
from server.jobs.scheduler import Scheduler
from server.jobs.states import JobState
from server.jobs.store import MemoryJobStore
from server.workers.engine import EngineState, WorkerDied
from server.workers.messages import Cancelled, Failed, Finished, Generate, Phase, Report, Step
from tests.server.jobs.small_requests import REQUEST

CLIP = Clip(name="c", sidecar="c.transpixar", frame_count=9, fps=8, width=64, height=64, folder="clips/c")


class ScriptedEngine:
    """An engine whose reports the test gives it, one by one."""

    def __init__(self) -> None:
        self.state = EngineState.IDLE
        self.pid = None
        self.tasks: list[str] = []
        self.cancelled: list[str] = []
        self.kills = 0
        self.stopped = False
        self._reports: asyncio.Queue[Report | Exception] = asyncio.Queue()

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    async def run(self, task: Generate) -> AsyncGenerator[Report, None]:
        self.tasks.append(task.job)
        while True:
            report = await self._reports.get()
            if isinstance(report, Exception):
                raise report
            yield report
            if isinstance(report, Finished | Failed | Cancelled):
                return

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def kill(self) -> None:
        self.kills += 1
        self.says(WorkerDied("killed"))

    def says(self, *reports: Report | Exception) -> None:
        for report in reports:
            self._reports.put_nowait(report)


class Stage:
    """A scheduler at work with a scripted engine."""

    def __init__(self, cancel_grace: float = 60) -> None:
        self.engine = ScriptedEngine()
        self.store = MemoryJobStore()
        self.feed = JobFeed(self.store)
        self.cleaned: list[str] = []
        self.scheduler = Scheduler(self.store, self.feed, self.engine, make_task, self.cleaned.append, cancel_grace)
        self.scheduler.start()

    def submit(self) -> Job:
        return self.scheduler.submit(REQUEST)

    async def until(self, job: Job, *states: JobState) -> Job:
        async for record in self.feed.follow(job.id):
            if record.state in states:
                return record
        raise AssertionError(f"the job ended as {self.store.get(job.id)}")

    def succeed(self, job: Job) -> None:
        self.engine.says(*(Phase(job=job.id, phase=phase) for phase in ("loading", "running", "decoding", "encoding")))
        self.engine.says(Finished(job=job.id, clip=CLIP))


def make_task(job: Job) -> Generate:
    return Generate(
        job=job.id, request=job.request, model_folder=Path("m"), clips_folder=Path("c"), preview_file=Path("p")
    )


def play(scene: Callable[[Stage], Awaitable[None]], cancel_grace: float = 60) -> None:
    async def whole() -> None:
        stage = Stage(cancel_grace)
        await asyncio.wait_for(scene(stage), 5)
        await stage.scheduler.stop()
        assert stage.engine.stopped

    asyncio.run(whole())


def test_jobs_run_in_order_one_at_a_time() -> None:
    async def scene(stage: Stage) -> None:
        first, second, third = stage.submit(), stage.submit(), stage.submit()
        assert [job.queue_position for job in (first, second, third)] == [1, 2, 3]
        await stage.until(first, JobState.LOADING)
        assert stage.engine.tasks == [first.id]
        assert [job.queue_position for job in stage.store.queued()] == [1, 2]
        stage.succeed(first)
        done = await stage.until(first, JobState.SUCCEEDED)
        assert done.clip == CLIP
        await stage.until(second, JobState.LOADING)
        assert stage.engine.tasks == [first.id, second.id]

    play(scene)


def test_a_queued_job_is_cancelled_at_once_and_never_runs() -> None:
    async def scene(stage: Stage) -> None:
        first, second, third = stage.submit(), stage.submit(), stage.submit()
        await stage.until(first, JobState.LOADING)
        assert stage.scheduler.cancel(second.id).state is JobState.CANCELLED
        assert [job.id for job in stage.store.queued()] == [third.id]
        assert stage.store.queued()[0].queue_position == 1
        stage.succeed(first)
        await stage.until(third, JobState.LOADING)
        assert stage.engine.tasks == [first.id, third.id]
        assert stage.engine.cancelled == []

    play(scene)


def test_a_running_job_is_cancelled_when_the_worker_has_said_so() -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        stage.engine.says(Phase(job=job.id, phase="running"), Step(job=job.id, step=1, of=20))
        await stage.until(job, JobState.RUNNING)
        assert stage.scheduler.cancel(job.id).state is JobState.RUNNING
        assert stage.scheduler.cancel(job.id).state is JobState.RUNNING
        assert stage.engine.cancelled == [job.id]
        stage.engine.says(Cancelled(job=job.id))
        await stage.until(job, JobState.CANCELLED)
        assert stage.cleaned == [job.id]

    play(scene)


def test_a_worker_that_does_not_obey_is_killed_and_the_next_job_runs() -> None:
    async def scene(stage: Stage) -> None:
        deaf, following = stage.submit(), stage.submit()
        await stage.until(deaf, JobState.LOADING)
        stage.scheduler.cancel(deaf.id)
        await stage.until(deaf, JobState.CANCELLED)
        assert stage.engine.kills == 1
        stage.succeed(following)
        await stage.until(following, JobState.SUCCEEDED)
        assert stage.engine.kills == 1

    play(scene, cancel_grace=0.01)


def test_a_clip_that_was_finished_before_the_cancel_came_is_a_success() -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        stage.succeed(job)
        await stage.until(job, JobState.LOADING)
        stage.scheduler.cancel(job.id)
        assert (await stage.until(job, JobState.SUCCEEDED, JobState.CANCELLED)).clip == CLIP
        assert stage.scheduler.cancel(job.id).state is JobState.SUCCEEDED

    play(scene)


def test_a_worker_that_dies_fails_its_job_only() -> None:
    async def scene(stage: Stage) -> None:
        unlucky, following = stage.submit(), stage.submit()
        stage.engine.says(Phase(job=unlucky.id, phase="running"), WorkerDied("gone"))
        failed = await stage.until(unlucky, JobState.FAILED)
        assert failed.error is not None
        assert failed.error.code == "worker_died"
        stage.succeed(following)
        await stage.until(following, JobState.SUCCEEDED)
        assert stage.cleaned == [unlucky.id]

    play(scene)


def test_the_worker_s_error_is_the_job_s() -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        error = JobError(code="out_of_memory", message="Use a smaller size.")
        stage.engine.says(Failed(job=job.id, error=error))
        assert (await stage.until(job, JobState.FAILED)).error == error

    play(scene)


def test_reports_out_of_order_end_the_job_and_the_worker() -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        stage.engine.says(Phase(job=job.id, phase="encoding"))
        failed = await stage.until(job, JobState.FAILED)
        assert failed.error is not None
        assert failed.error.code == "internal_error"
        assert stage.engine.kills == 1

    play(scene)


def test_stopping_interrupts_the_running_job_and_leaves_the_queue() -> None:
    async def scene(stage: Stage) -> None:
        running, queued = stage.submit(), stage.submit()
        await stage.until(running, JobState.LOADING)
        await stage.scheduler.stop()
        assert [job.state for job in stage.store.newest_first()] == [JobState.QUEUED, JobState.INTERRUPTED]
        assert [job.id for job in stage.store.queued()] == [queued.id]

    play(scene)
