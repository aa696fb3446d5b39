"""The scheduler: gives the jobs in the queue to the engine, one at a time, and records what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from server.jobs.feed import JobFeed
from server.jobs.job import Download, Job, JobError
from server.jobs.job import Preview as PreviewMark
from server.jobs.request import VideoRequest
from server.jobs.states import JobState
from server.jobs.store import JobStore
from server.workers.engine import Engine, WorkerDied
from server.workers.messages import (
    Cancelled,
    ClipReady,
    Downloading,
    Failed,
    Finished,
    Generate,
    JobReport,
    Phase,
    Planned,
    Preview,
    Step,
    Warned,
)

log = logging.getLogger(__name__)


@dataclass
class _Running:
    """The job that the engine has, and whether somebody wants it stopped."""

    job_id: str
    cancel_requested: bool = False
    kill_timer: asyncio.TimerHandle | None = None


class Scheduler:
    """Runs one job at a time. Belongs to one event loop.

    `make_task` turns a job into the engine's task. `clean_up` removes what a worker that died has left of a job's clip.
    `cancel_grace` is how many seconds the engine has to obey a cancel before its worker is killed.
    """

    def __init__(
        self,
        store: JobStore,
        feed: JobFeed,
        engine: Engine,
        make_task: Callable[[Job], Generate],
        clean_up: Callable[[str], None],
        cancel_grace: float = 10.0,
    ) -> None:
        self._store = store
        self._feed = feed
        self._engine = engine
        self._make_task = make_task
        self._clean_up = clean_up
        self._cancel_grace = cancel_grace
        self._wake = asyncio.Event()
        self._running: _Running | None = None
        self._loop_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the worker and run the jobs that are there and those that come."""
        self._loop_task = asyncio.create_task(self._run_jobs(), name="scheduler")

    async def stop(self) -> None:
        """Interrupt the running job and end the worker. Queued jobs stay as they are."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop_task
        await self._engine.stop()

    def submit(self, request: VideoRequest) -> Job:
        """Put a request into the queue."""
        job = self._feed.add(Job.create(request, queue_position=len(self._store.queued()) + 1))
        log.info("job %s: queued", job.id)
        self._wake.set()
        return job

    def cancel(self, job_id: str) -> Job:
        """Stop a job: at once in the queue; a running one ends when the engine says so; an ended one stays as it is.

        Returns the job as it is now. Raises KeyError when there is no such job.
        """
        job = self._store.get(job_id)
        if job is None:
            raise KeyError(job_id)
        if job.state is JobState.QUEUED:
            job = self._feed.publish(job.moved_to(JobState.CANCELLED))
            log.info("job %s: cancelled in the queue", job.id)
            self._renumber_queue()
        elif self._running is not None and self._running.job_id == job_id:
            self._cancel_running(self._running)
        return job

    def _cancel_running(self, running: _Running) -> None:
        if running.cancel_requested:
            return
        running.cancel_requested = True
        log.info("job %s: cancelling", running.job_id)
        self._engine.cancel(running.job_id)
        loop = asyncio.get_running_loop()
        running.kill_timer = loop.call_later(self._cancel_grace, self._kill_worker_of, running.job_id)

    def _kill_worker_of(self, job_id: str) -> None:
        if self._running is not None and self._running.job_id == job_id:
            log.warning("job %s: the worker did not obey the cancel; killing it", job_id)
            self._engine.kill()

    async def _run_jobs(self) -> None:
        try:
            await self._engine.start()
        except WorkerDied:
            # Not the end: the next job tries again, and its failure is then told to somebody.
            log.exception("the worker did not start")
        while True:
            queued = self._store.queued()
            if queued:
                await self._run(queued[0])
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _run(self, job: Job) -> None:
        running = self._running = _Running(job.id)
        job = self._feed.publish(job.moved_to(JobState.LOADING))
        self._renumber_queue()
        log.info("job %s: started", job.id)
        try:
            async with contextlib.aclosing(self._engine.run(self._make_task(job))) as reports:
                async for report in reports:
                    job = self._record(job, report)
            if not job.finished:
                raise WorkerDied("the worker gave no result")
        except WorkerDied as error:
            job = self._record_death(job, error, running.cancel_requested)
        except asyncio.CancelledError:
            if not job.finished:
                self._feed.publish(job.moved_to(JobState.INTERRUPTED))
            raise
        except Exception:
            log.exception("job %s: the scheduler made a mistake", job.id)
            # What the worker does now is unknown, so it must not go on doing it.
            self._engine.kill()
            message = "The server made a mistake with this clip; its log has the details. Try again."
            job = self._end_with_error(job, JobError(code="internal_error", message=message))
        finally:
            if running.kill_timer is not None:
                running.kill_timer.cancel()
            self._running = None
            if job.state is not JobState.SUCCEEDED:
                self._clean_up(job.id)
        log.info("job %s: %s", job.id, job.state)

    def _record(self, job: Job, report: JobReport) -> Job:
        """Record one report of the engine."""
        match report:
            case Phase(phase=phase) if phase == job.state:
                return job
            case Phase(phase=phase):
                changed = job.moved_to(JobState(phase))
            case Downloading(bytes_done=done, bytes_total=total):
                changed = job.downloading(Download(bytes_done=done, bytes_total=total))
            case Planned(execution=execution):
                changed = job.executed_as(execution)
            case Warned(warning=warning):
                changed = job.warned(warning)
                if changed is job:
                    return job
            case Step(clip=clip_index, step=step, eta_seconds=eta):
                changed = job.at_step(clip_index, step, eta)
            case Preview(clip=clip_index, step=step):
                changed = job.with_preview(PreviewMark(clip=clip_index, step=step))
            case ClipReady(clip=clip):
                changed = job.with_clip(clip)
            case Finished():
                changed = job.succeeded()
            case Failed(error=error):
                changed = job.failed(error)
            case Cancelled():
                changed = job.moved_to(JobState.CANCELLED)
        return self._feed.publish(changed)

    def _record_death(self, job: Job, error: WorkerDied, cancel_requested: bool) -> Job:
        if job.finished:
            return job
        if cancel_requested:
            # The worker is gone, so nothing works on the job any more: that is what the cancel asked for.
            return self._feed.publish(job.moved_to(JobState.CANCELLED))
        log.error("job %s: %s", job.id, error)
        message = (
            "The process that makes clips ended in the middle of this one. Try again; if it happens again, use a "
            "smaller size or fewer frames."
        )
        return self._end_with_error(job, JobError(code="worker_died", message=message))

    def _end_with_error(self, job: Job, error: JobError) -> Job:
        return job if job.finished else self._feed.publish(job.failed(error))

    def _renumber_queue(self) -> None:
        for position, job in enumerate(self._store.queued(), start=1):
            if job.queue_position != position:
                self._feed.publish(job.at_queue_position(position))
