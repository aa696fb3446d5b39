"""A lane: one engine, and the jobs and wishes that it gets, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from functools import partial

from server.jobs.clip_files import ClipFiles
from server.jobs.clock import Clock
from server.jobs.errands import Errand, GetReady, LoadModel, UnloadModel
from server.jobs.feed import JobFeed
from server.jobs.job import Job, JobError
from server.jobs.reports import apply_report
from server.jobs.room import DISK_FULL, Room
from server.jobs.settling import settle_after_death
from server.jobs.states import WORKING_STATES, JobState
from server.jobs.store import StoreFailed
from server.jobs.tasks import InputMissing, TaskMaker
from server.workers.engine import Engine, EngineState, WorkerDied
from server.workers.messages import Failed, JobReport

log = logging.getLogger(__name__)

_RETRY_SECONDS = 2.0
_MISTAKE = JobError(
    code="internal_error",
    message="The server made a mistake with this clip; its log has the details. Try again.",
)


class _DiskFull(Exception):
    """The disk is full, so what is being made could not be kept."""


class Lane:
    """Gives an engine what it is to do. Belongs to one event loop.

    `on_free` is called when the lane could take a job. `idle_unload` is after how many seconds without work the model
    leaves the memory (0: never), `cancel_grace` how many the engine has to obey a cancel before its worker is killed.
    """

    def __init__(
        self,
        engine: Engine,
        feed: JobFeed,
        files: ClipFiles,
        tasks: TaskMaker,
        clock: Clock,
        room: Room,
        on_free: Callable[[], None],
        cancel_grace: float,
        idle_unload: float,
    ) -> None:
        self.engine = engine
        self.job_id: str | None = None
        self.load_errors: dict[str, JobError] = {}
        self._feed = feed
        self._files = files
        self._tasks = tasks
        self._clock = clock
        self._room = room
        self._on_free = on_free
        self._cancel_grace = cancel_grace
        self._idle_unload = idle_unload
        self._errands: asyncio.Queue[Errand] = asyncio.Queue()
        self._waiting = False
        self._kill_timer: asyncio.Task[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the lane has nothing to do."""
        return self._waiting and self._errands.empty()

    @property
    def is_ready(self) -> bool:
        """Whether a job that is given now would start now."""
        return self.is_waiting and self.engine.state is EngineState.IDLE

    def give(self, errand: Errand) -> None:
        """Let the lane do something when it has done what it got before."""
        if isinstance(errand, Job):
            self.job_id = errand.id
        self._errands.put_nowait(errand)

    def cancel(self) -> None:
        """Stop the job that the lane has. Nothing happens when that was asked for before."""
        if self.job_id is None or self._kill_timer is not None:
            return
        log.info("job %s: cancelling", self.job_id)
        self._feed.change(self.job_id, Job.cancelling)
        self.engine.cancel(self.job_id)
        self._kill_timer = asyncio.create_task(self._kill_later(self.job_id), name="kill-timer")

    def forget_cancel(self) -> None:
        """The job that was to be cancelled has ended."""
        if self._kill_timer is not None:
            self._kill_timer.cancel()
            self._kill_timer = None

    async def live(self) -> None:
        """Start the engine and do errands until this is cancelled, which leaves the job at work as it is."""
        try:
            await self.engine.start()
        except WorkerDied as error:
            log.error("the worker did not start: %s", error)
        while True:
            errand = await self._next_errand()
            try:
                await self._do(errand)
            except WorkerDied as error:
                log.error("the worker has died: %s", error)
            except Exception:
                log.exception("the scheduler made a mistake")
            # Not when this is cancelled: whoever stops the lanes then still has to know which job it was.
            self.job_id = None
            self.forget_cancel()

    async def _next_errand(self) -> Errand:
        timer = asyncio.create_task(self._unload_later(), name="idle-timer") if self._idle_unload else None
        self._waiting = True
        try:
            self._on_free()
            return await self._errands.get()
        finally:
            self._waiting = False
            if timer is not None:
                timer.cancel()

    async def _do(self, errand: Errand) -> None:
        match errand:
            case Job():
                await self._run(errand)
            case GetReady():
                await self.engine.wait_until_usable()
                if self.engine.state is not EngineState.IDLE:
                    # It has gone again already; asking at once would ask for ever.
                    await self._clock.sleep(_RETRY_SECONDS)
            case LoadModel(model=model):
                await self._load(model)
            case UnloadModel(model=model):
                loaded = self.engine.loaded_model
                if loaded is not None and model in (None, loaded):
                    await self.engine.unload()
                    log.info("model %s: out of memory on %s", loaded, self.engine.device)

    async def _run(self, job: Job) -> None:
        log.info("job %s: started on %s, attempt %d", job.id, self.engine.device, job.attempt)
        try:
            await self._have_it_made(job)
        except WorkerDied as error:
            log.error("job %s: %s", job.id, error)
            await self._settle(job.id)
        except _DiskFull:
            log.error("job %s: the disk is full", job.id)
            self.engine.kill()
            await self._settle(job.id, DISK_FULL)
        except StoreFailed:
            log.exception("job %s: its progress cannot be recorded", job.id)
            self.engine.kill()
            await self._settle(job.id)
        except Exception:
            log.exception("job %s: the scheduler made a mistake", job.id)
            # What the worker does now is unknown, so it must not go on doing it.
            self.engine.kill()
            await self._settle(job.id, _MISTAKE)

    async def _have_it_made(self, job: Job) -> None:
        """Bring a job to its end.

        Raises WorkerDied, _DiskFull, StoreFailed, and others for mistakes of this program.
        """
        self._files.make_room(job)
        try:
            task = self._tasks.generate(job)
        except InputMissing as error:
            missing = JobError(code="input_unusable", message=str(error))
            self._feed.change(job.id, partial(_failed_if_at_work, error=missing))
            return
        latest = self._feed.change(job.id, _cancelled_if_wanted)
        if latest.state in WORKING_STATES:
            async with contextlib.aclosing(self.engine.run(task)) as reports:
                latest = await self._record(latest, reports)
        if latest.state in WORKING_STATES:
            raise WorkerDied("the worker gave no result")
        if latest.state is not JobState.SUCCEEDED:
            self._files.make_room(latest)
        if latest.error is not None and latest.error.code == DISK_FULL.code:
            self._room.ran_out(latest)
        log.info("job %s: %s", job.id, latest.state)

    async def _record(self, job: Job, reports: AsyncGenerator[JobReport, None]) -> Job:
        async for report in reports:
            job = self._feed.change(job.id, partial(apply_report, report=report))
            if self._room.is_gone and job.state in WORKING_STATES:
                raise _DiskFull
        return job

    async def _settle(self, job_id: str, error: JobError | None = None) -> None:
        """Record the end of a job whose worker is gone, as soon as the store can be written: no job hangs for ever."""
        while True:
            try:
                if error is None:
                    job = settle_after_death(self._feed, self._files, job_id)
                else:
                    job = self._feed.change(job_id, partial(_failed_if_at_work, error=error))
                if job.finished and job.state is not JobState.SUCCEEDED:
                    self._files.make_room(job)
                if error is DISK_FULL:
                    self._room.ran_out(job)
                log.info("job %s: %s", job_id, job.state)
                return
            except StoreFailed as failure:
                log.error("job %s: %s", job_id, failure)
                await self._clock.sleep(_RETRY_SECONDS)

    async def _load(self, model: str) -> None:
        self.load_errors.pop(model, None)
        try:
            task = self._tasks.load(model)
            async with contextlib.aclosing(self.engine.load(task)) as reports:
                async for report in reports:
                    if isinstance(report, Failed):
                        self.load_errors[model] = report.error
        except InputMissing as error:
            self.load_errors[model] = JobError(code="model_unusable", message=str(error))
        except WorkerDied:
            message = "The process that makes clips ended while it loaded this model; see the server's log."
            self.load_errors[model] = JobError(code="worker_died", message=message)
            raise

    async def _unload_later(self) -> None:
        await self._clock.sleep(self._idle_unload)
        while self.engine.loaded_model is None:
            await self._clock.sleep(self._idle_unload)
        self.give(UnloadModel())

    async def _kill_later(self, job_id: str) -> None:
        await self._clock.sleep(self._cancel_grace)
        if job_id == self.job_id:
            log.warning("job %s: the worker did not obey the cancel; killing it", job_id)
            self.engine.kill()


def _cancelled_if_wanted(job: Job) -> Job:
    return job.moved_to(JobState.CANCELLED) if job.cancel_requested else job


def _failed_if_at_work(job: Job, error: JobError) -> Job:
    return job.failed(error) if job.state in WORKING_STATES else job
