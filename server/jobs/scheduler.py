"""The scheduler: gives the jobs in the queue to the engines, and records what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from server.jobs.admission import Admission
from server.jobs.clip_files import ClipFiles
from server.jobs.clock import Clock, SystemClock
from server.jobs.errands import GetReady, LoadModel, UnloadModel
from server.jobs.errors import NotAdmitted
from server.jobs.feed import JobFeed
from server.jobs.job import Job, JobError
from server.jobs.lane import Lane
from server.jobs.request import VideoRequest
from server.jobs.room import Room
from server.jobs.settling import settle_after_stop
from server.jobs.states import WORKING_STATES, JobState
from server.jobs.store import IdempotencyKey, StoreFailed
from server.jobs.tasks import TaskMaker
from server.workers.engine import Engine

log = logging.getLogger(__name__)

_STORE_RETRY_SECONDS = 2.0


def free_device_memory(engine: Engine) -> int:
    """How many bytes an engine's device has left, as far as its worker knows."""
    memory = engine.memory
    return memory.total_bytes - memory.used_bytes if memory else 0


class Scheduler:
    """Runs as many jobs at a time as it has engines, the oldest first. Belongs to one event loop.

    Of several engines that are free, one that has the job's model in memory gets it, or else the one for which
    `memory_probe` gives the most bytes. For `cancel_grace` and `idle_unload`, in seconds, see Lane.
    """

    def __init__(
        self,
        feed: JobFeed,
        engines: Sequence[Engine],
        tasks: TaskMaker,
        files: ClipFiles,
        admission: Admission,
        *,
        clock: Clock | None = None,
        memory_probe: Callable[[Engine], int] = free_device_memory,
        cancel_grace: float = 10.0,
        idle_unload: float = 0.0,
    ) -> None:
        clock = clock or SystemClock()
        self._feed = feed
        self._files = files
        self._admission = admission
        self.room = Room(feed.store, admission.free_bytes)
        self._clock = clock
        self._memory_probe = memory_probe
        self._lanes = [
            Lane(engine, feed, files, tasks, clock, self.room, self._match, cancel_grace, idle_unload)
            for engine in engines
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._retry: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the workers and run the jobs that are there and those that come."""
        self._tasks = [asyncio.create_task(lane.live(), name="lane") for lane in self._lanes]

    async def stop(self) -> None:
        """End the workers and interrupt the jobs that they had. Queued jobs stay as they are."""
        self._stopping = True
        tasks = [*self._tasks, *([self._retry] if self._retry else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(lane.engine.stop() for lane in self._lanes), return_exceptions=True)
        # Now nobody writes clips any more, so what is on disk is what there is.
        for lane in self._lanes:
            lane.forget_cancel()
            if lane.job_id is not None:
                with contextlib.suppress(StoreFailed):  # the next start settles it
                    settle_after_stop(self._feed, self._files, lane.job_id)
                lane.job_id = None

    def submit(self, request: VideoRequest, key: IdempotencyKey | None = None) -> Job:
        """Put a request into the queue, or return the job that `key` has made before.

        Raises NotAdmitted, RequestError when the clips are too large, and IdempotencyConflict.
        """
        repeated = self._feed.store.find_by_key(key) if key else None
        if repeated is not None:
            return repeated
        if self._stopping:
            raise NotAdmitted("stopping", "The server is stopping; try again when it runs again.", retry_after=5)
        queued = self._feed.store.count_by_state().get(JobState.QUEUED, 0)
        self._admission.check(request, queued, self._at_work())
        try:
            job = self._feed.add(Job.create(request, queue_position=queued + 1), key)
        except StoreFailed as failure:
            raise NotAdmitted(failure.code, failure.sentence, retry_after=60 if failure.is_full else 5) from failure
        log.info("job %s: queued", job.id)
        asyncio.get_running_loop().call_soon(self._match)
        return job

    def cancel(self, job_id: str) -> Job:
        """Stop a job: at once in the queue; a running one ends when the engine says so; an ended one stays as it is.

        Returns the job as it is now. Raises KeyError when there is no such job.
        """
        job = self._feed.store.get(job_id)
        if job is None:
            raise KeyError(job_id)
        if job.state in (JobState.QUEUED, JobState.INTERRUPTED) and not job.finished:
            job = self._feed.publish(job.moved_to(JobState.CANCELLED))
            log.info("job %s: cancelled in the queue", job.id)
            self._feed.renumber_queue()
        elif job.state in WORKING_STATES:
            for lane in self._lanes:
                if lane.job_id == job_id:
                    lane.cancel()
        return self._feed.store.get(job_id) or job

    def load(self, model: str) -> None:
        """Have a model brought into memory, by the engine that can begin first; see `load_error`."""
        if not any(lane.engine.loaded_model == model for lane in self._lanes):
            lane = max(self._lanes, key=lambda lane: (lane.is_waiting, self._memory_probe(lane.engine)))
            lane.give(LoadModel(model))

    def unload(self, model: str) -> None:
        """Have a model taken out of memory; an engine that makes a clip does so when that is finished."""
        for lane in self._lanes:
            lane.give(UnloadModel(model))

    def load_error(self, model: str) -> JobError | None:
        """Why a model could not be brought into memory when that was last asked for."""
        return next((lane.load_errors[model] for lane in self._lanes if model in lane.load_errors), None)

    def _at_work(self) -> list[Job]:
        jobs = [self._feed.store.get(lane.job_id) for lane in self._lanes if lane.job_id is not None]
        return [job for job in jobs if job is not None]

    def _match(self) -> None:
        """Give jobs to lanes as long as there are both."""
        if self._stopping:
            return
        try:
            while queue := self._feed.store.queued(limit=len(self._lanes)):
                if self.room.problem() is not None:
                    self._match_soon()
                    return
                lane = self._lane_for(queue[0])
                claimed = self._feed.claim() if lane is not None else None
                if lane is None or claimed is None:
                    break
                lane.give(claimed)
        except StoreFailed as failure:
            log.error("the queue cannot be read: %s", failure)
            self._match_soon()
            return
        # The rest waits for workers that are stopped, starting or gone.
        waking = [lane for lane in self._lanes if lane.is_waiting and not lane.is_ready]
        for lane in waking[: len(queue)]:
            lane.give(GetReady())

    def _lane_for(self, job: Job) -> Lane | None:
        ready = [lane for lane in self._lanes if lane.is_ready]
        model = job.request.model
        return max(
            ready,
            key=lambda lane: (lane.engine.loaded_model == model, self._memory_probe(lane.engine)),
            default=None,
        )

    def _match_soon(self) -> None:
        if self._retry is None:
            self._retry = asyncio.create_task(self._match_later(), name="match-later")

    async def _match_later(self) -> None:
        await self._clock.sleep(_STORE_RETRY_SECONDS)
        self._retry = None
        self._match()
