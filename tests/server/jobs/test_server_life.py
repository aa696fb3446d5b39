"""Anything happens to a server in any order: jobs come and go, workers and the server die, and nothing is lost."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from server.jobs.admission import Admission, AdmissionLimits
from server.jobs.clip_files import ClipFiles
from server.jobs.errors import Conflict, NotAdmitted
from server.jobs.feed import JobFeed
from server.jobs.folders import DataFolders
from server.jobs.job import MAX_ATTEMPTS, Job, JobError
from server.jobs.recovery import recover
from server.jobs.removal import remove_job
from server.jobs.request import VideoRequest
from server.jobs.retention import Retention, RetentionLimits
from server.jobs.scheduler import Scheduler
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import WORKING_STATES, JobState
from server.jobs.store import IdempotencyKey
from server.jobs.style_loras import StyleLoras
from server.jobs.tasks import TaskMaker
from server.jobs.uploads import NoUploads
from server.workers.engine import WorkerDied
from server.workers.messages import Cancelled, ClipReady, Failed, Finished, Generate, Phase, Step
from tests.server.jobs.small_requests import REQUEST, WIDE, write_models
from tests.server.jobs.stage import HandClock, ScriptedEngine, settle, write_clip_folder

GRACE = 10.0
MAX_QUEUE = 6
T = TypeVar("T")


class WorkingEngine(ScriptedEngine):
    """An engine whose worker makes clips, one little step of the work at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.work: Iterator[None] | None = None
        self.task: Generate | None = None

    def run(self, task: Generate) -> Any:
        self.task, self.work = task, self._make(task)
        return super().run(task)

    def go_on(self) -> None:
        if self.work is not None:
            next(self.work, None)

    def die(self) -> None:
        if self.work is not None:
            self.work = self.task = None
            self.says(WorkerDied("gone"))

    def kill(self) -> None:
        self.kills += 1
        self.die()

    def obey(self) -> None:
        if self.task is not None and self.task.job in self.cancelled:
            self._end(Cancelled(job=self.task.job))

    def fail(self) -> None:
        if self.task is not None:
            self._end(Failed(job=self.task.job, error=JobError(code="out_of_memory", message="Use a smaller size.")))

    def _end(self, report: Finished | Failed | Cancelled) -> None:
        self.work = self.task = None
        self.says(report)

    def _make(self, task: Generate) -> Iterator[None]:
        job = task.job
        self.says(Phase(job=job, phase="loading"))
        yield
        for index in range(task.first_clip, task.request.num_clips + 1):
            self.says(Phase(job=job, phase="running"), Step(job=job, clip=index, step=1))
            yield
            self.says(Phase(job=job, phase="decoding"), Phase(job=job, phase="encoding"))
            (task.clips_folder / f".partial-{job}").mkdir()
            yield
            (task.clips_folder / f".partial-{job}").rmdir()
            clip = write_clip_folder(task.clips_folder, job, task.request, index)
            yield
            self.says(ClipReady(job=job, clip=clip))
            yield
        self._end(Finished(job=job))


class ServerLife(RuleBasedStateMachine):
    """One data folder, on which one server after the other works."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folders = DataFolders(self.root)
        self.folders.create()
        self.models = write_models(self.root / "models", WIDE)
        self.loop = asyncio.new_event_loop()
        self.accepted: dict[str, int] = {}  # the highest sequence seen, by job
        self.ends: dict[str, JobState] = {}
        self.cancel_wanted: set[str] = set()
        self.keys: dict[str, str] = {}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        async def and_settle() -> T:
            result = await work
            await settle()
            return result

        return self.loop.run_until_complete(and_settle())

    def call(self, function: Callable[[], T]) -> T:
        async def calling() -> T:
            return function()

        return self.do(calling())

    @initialize(engines=st.integers(1, 2))
    def begin(self, engines: int) -> None:
        self.engine_count = engines
        self.start()

    def start(self) -> None:
        self.engines = [WorkingEngine() for _ in range(self.engine_count)]
        self.clock = HandClock()
        self.store = SqliteJobStore(self.folders.database)
        self.feed = JobFeed(self.store)
        self.files = ClipFiles(self.folders)
        recover(self.feed, self.files, self.clock.now())
        tasks = TaskMaker(self.models, self.folders, NoUploads(), StyleLoras(self.folders.style_loras))
        admission = Admission(AdmissionLimits(max_queue=MAX_QUEUE), lambda: 10**12)
        self.scheduler = Scheduler(
            self.feed, self.engines, tasks, self.files, admission, clock=self.clock, cancel_grace=GRACE
        )
        self.call(self.scheduler.start)

    @rule(clips=st.lists(st.integers(1, 2), min_size=1, max_size=4), key=st.none() | st.sampled_from("ab"))
    def submit(self, clips: list[int], key: str | None) -> None:
        for number, num_clips in enumerate(clips):
            request = REQUEST.model_copy(update={"num_clips": num_clips, "num_frames": 1})
            self.submit_one(request, IdempotencyKey(f"{key}{number}", "same body") if key else None)

    def submit_one(self, request: VideoRequest, key: IdempotencyKey | None) -> None:
        try:
            job = self.call(lambda: self.scheduler.submit(request, key))
        except NotAdmitted as refusal:
            assert refusal.code == "queue_full"
            assert len(self.store.queued()) >= MAX_QUEUE
            return
        if key is None or key.key not in self.keys:
            assert job.id not in self.accepted
            self.accepted[job.id] = 0
        if key is not None:
            assert self.keys.setdefault(key.key, job.id) == job.id

    @precondition(lambda self: self.at_work())
    @rule(which=st.integers(0, 1), steps=st.integers(1, 9))
    def work(self, which: int, steps: int) -> None:
        working = self.at_work()
        engine = working[which % len(working)]
        for _ in range(steps):
            self.call(engine.go_on)

    @precondition(lambda self: self.at_work())
    @rule(which=st.integers(0, 1), steps=st.integers(0, 9), event=st.sampled_from(["die", "die", "obey", "fail"]))
    def work_until_something_happens(self, which: int, steps: int, event: str) -> None:
        working = self.at_work()
        engine = working[which % len(working)]
        for _ in range(steps):
            self.call(engine.go_on)
        self.call(getattr(engine, event))

    def at_work(self) -> list[WorkingEngine]:
        return [engine for engine in getattr(self, "engines", []) if engine.work is not None]

    def pick(self, number: int) -> str:
        return list(self.accepted)[number % len(self.accepted)]

    @rule(event=st.sampled_from(["stop", "crash", "degrade", "degrade", "tidy", "grace"]))
    def now_and_then(self, event: str) -> None:
        getattr(self, event)()

    def degrade(self) -> None:
        """The first engine is of no use until it is mended with the next event of this kind."""
        engine = self.engines[0]
        if not engine.usable.is_set():
            self.call(engine.usable.set)
        elif engine.work is None:
            self.call(engine.degrade)

    @precondition(lambda self: self.accepted)
    @rule(number=st.integers(0, 99))
    def cancel(self, number: int) -> None:
        self.cancel_one(self.pick(number))

    @precondition(lambda self: self.at_work())
    @rule(which=st.integers(0, 1))
    def cancel_at_work(self, which: int) -> None:
        working = self.at_work()
        task = working[which % len(working)].task
        assert task is not None
        self.cancel_one(task.job)

    def cancel_one(self, job_id: str) -> None:
        def others() -> list[tuple[str, bool, bool]]:
            jobs = [job for job in self.store.newest_first() if job.id != job_id]
            return [(job.id, job.cancel_requested, job.state is JobState.CANCELLED) for job in jobs]

        before = others()
        wanted = self.call(lambda: self.scheduler.cancel(job_id))
        if not wanted.finished or wanted.state is JobState.CANCELLED:
            self.cancel_wanted.add(job_id)
        assert wanted.state is not JobState.QUEUED
        assert others() == before
        assert {told for engine in self.engines for told in engine.cancelled} <= self.cancel_wanted

    def grace(self) -> None:
        self.do(self.clock.advance(GRACE + 1))
        assert not [job for job in self.store.unfinished() if job.cancel_requested]

    @precondition(lambda self: self.accepted)
    @rule(number=st.integers(0, 99), pinned=st.booleans())
    def pin(self, number: int, pinned: bool) -> None:
        self.feed.change(self.pick(number), lambda job: job.pinned_as(pinned))

    @precondition(lambda self: self.accepted)
    @rule(number=st.integers(0, 99))
    def remove(self, number: int) -> None:
        job_id = self.pick(number)
        job = self.store.get(job_id)
        assert job is not None
        try:
            self.do(remove_job(self.feed, self.files, job_id))
        except Conflict:
            assert job.pinned or not job.finished
        else:
            assert job.finished and not job.pinned
            self.forget(job_id)

    def tidy(self) -> None:
        doomed = {job.id for job in self.store.finished() if job.clips and not job.pinned}
        retention = Retention(self.feed, self.files, NoUploads(), RetentionLimits(keep_bytes=1), self.clock)
        self.do(retention.sweep())
        left = {job.id for job in self.store.newest_first()}
        assert left == set(self.accepted) - doomed
        for job_id in doomed:
            self.forget(job_id)

    def forget(self, job_id: str) -> None:
        del self.accepted[job_id]
        self.ends.pop(job_id, None)
        self.keys = {key: kept for key, kept in self.keys.items() if kept != job_id}

    def stop(self) -> None:
        self.do(self.scheduler.stop())
        assert not [job for job in self.store.newest_first() if job.state in WORKING_STATES]
        self.store.close()
        self.start()

    def crash(self) -> None:
        # What a killed process does: nothing any more.
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.do(settle())
        self.store.close()
        self.start()

    @invariant()
    def every_accepted_job_is_there_and_its_records_are_whole(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {job.id for job in self.store.newest_first()} == set(self.accepted)
        for job_id, seen in self.accepted.items():
            records = self.store.records_after(job_id, 0, limit=10_000)
            assert [record.sequence for record in records] == list(range(1, len(records) + 1))
            assert len(records) >= seen
            self.accepted[job_id] = len(records)
            self.check_job(records[-1])
            assert len({record.state for record in records if record.finished}) <= 1

    def check_job(self, job: Job) -> None:
        assert job.attempt <= MAX_ATTEMPTS
        assert all(self.files.has(clip) for clip in job.clips)
        assert (job.state is JobState.SUCCEEDED) <= (len(job.clips) == job.request.num_clips)
        assert (job.state is JobState.CANCELLED) <= (job.id in self.cancel_wanted)
        assert not (job.id in self.cancel_wanted and job.state is JobState.QUEUED)
        if job.finished:
            assert self.ends.setdefault(job.id, job.state) is job.state
        else:
            assert job.id not in self.ends

    @invariant()
    def no_job_is_with_two_engines(self) -> None:
        if hasattr(self, "engines"):
            at_work = [engine.task.job for engine in self.engines if engine.task is not None]
            assert len(set(at_work)) == len(at_work)
            assert set(at_work) <= {job.id for job in self.store.newest_first() if job.state in WORKING_STATES}

    @invariant()
    def no_clip_is_without_its_job(self) -> None:
        if not hasattr(self, "store"):
            return
        known = {clip.name for job in self.store.newest_first() for clip in job.clips}
        at_work = {job.id[:8] for job in self.store.newest_first() if job.state in WORKING_STATES}
        for path in self.folders.clips.iterdir():
            if path.name not in known:
                assert path.name[-8:] in at_work or path.name.removeprefix(".partial-")[:8] in at_work

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                self.run_dry()
        finally:
            self.loop.close()
            shutil.rmtree(self.root)

    def run_dry(self) -> None:
        """With workers that do their work, every job comes to its end, and nothing else is on the disk."""
        for engine in self.engines:
            self.call(engine.usable.set)
        for _ in range(400):
            if not self.store.unfinished():
                break
            for engine in self.engines:
                self.call(engine.go_on)
        self.every_accepted_job_is_there_and_its_records_are_whole()
        assert self.store.unfinished() == []
        self.do(self.scheduler.stop())
        clips = {clip.name for job in self.store.newest_first() for clip in job.clips}
        assert {path.name for path in self.folders.clips.iterdir()} == clips
        self.store.close()


TestServerLife = ServerLife.TestCase
TestServerLife.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
