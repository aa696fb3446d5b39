"""The scheduler and its engines: several at once, workers that come and go, models in and out of memory."""

import asyncio
from pathlib import Path

from server.jobs.job import JobError
from server.jobs.states import JobState
from server.workers.engine import EngineState, WorkerDied
from server.workers.messages import Cancelled, Failed, Finished, Memory
from tests.server.jobs.stage import ScriptedEngine, Stage, play, settle

GIGABYTE = 10**9


def test_as_many_jobs_run_as_there_are_engines(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        jobs = [stage.submit() for _ in range(3)]
        await settle()
        assert sorted(engine.jobs for engine in stage.engines) == sorted([[jobs[0].id], [jobs[1].id]])
        second = next(engine for engine in stage.engines if engine.jobs == [jobs[1].id])
        stage.succeed(jobs[1], second)
        await stage.until(jobs[2], JobState.LOADING)
        await settle()
        assert second.jobs == [jobs[1].id, jobs[2].id]

    play(scene, tmp_path, engines=2)


def test_a_cancel_reaches_only_the_engine_that_has_the_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        jobs = [stage.submit(), stage.submit()]
        await settle()
        stage.scheduler.cancel(jobs[1].id)
        asked = [engine for engine in stage.engines if engine.cancelled]
        assert [engine.jobs for engine in asked] == [[jobs[1].id]]
        asked[0].says(Cancelled(job=jobs[1].id))
        await stage.until(jobs[1], JobState.CANCELLED)
        assert stage.now(jobs[0]).state is JobState.LOADING

    play(scene, tmp_path, engines=2)


def test_a_job_goes_where_its_model_is_or_else_where_there_is_room(tmp_path: Path) -> None:
    async def scene() -> None:
        small = ScriptedEngine(Memory(used_bytes=0, total_bytes=8 * GIGABYTE))
        large = ScriptedEngine(Memory(used_bytes=GIGABYTE, total_bytes=24 * GIGABYTE))
        stage = Stage(tmp_path, [small, large])
        await settle()
        first = stage.submit(model="other")
        await settle()
        assert (small.jobs, large.jobs) == ([], [first.id])
        stage.succeed(first, large)
        await stage.until(first, JobState.SUCCEEDED)
        small.loaded_model = "wide"
        second, third = stage.submit(model="wide"), stage.submit(model="other")
        await settle()
        assert (small.jobs, large.jobs) == ([second.id], [first.id, third.id])
        await stage.scheduler.stop()

    asyncio.run(scene())


def test_while_no_worker_can_be_had_jobs_wait_and_lose_no_attempt(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await settle()
        stage.engine.degrade()
        job, other = stage.submit(), stage.submit()
        await settle()
        assert [waiting.id for waiting in stage.store.queued()] == [job.id, other.id]
        assert stage.scheduler.cancel(other.id).state is JobState.CANCELLED
        stage.engine.usable.set()
        await stage.until(job, JobState.LOADING)
        assert stage.now(job).attempt == 1

    play(scene, tmp_path)


def test_a_worker_that_does_not_start_is_asked_for_when_there_is_a_job(tmp_path: Path) -> None:
    class Stubborn(ScriptedEngine):
        async def start(self) -> None:
            raise WorkerDied("no such program")

    async def scene() -> None:
        engine = Stubborn()
        stage = Stage(tmp_path, [engine])
        await settle()
        assert engine.state is EngineState.STOPPED
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await stage.scheduler.stop()

    asyncio.run(scene())


def test_an_idle_model_leaves_the_memory_and_comes_back_with_the_next_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        await stage.clock.advance(500)
        stage.succeed(job)
        await stage.until(job, JobState.SUCCEEDED)
        await settle()
        await stage.clock.advance(299)
        assert stage.engine.unloads == 0
        await stage.clock.advance(2)
        assert (stage.engine.unloads, stage.engine.state) == (1, EngineState.STOPPED)
        await stage.clock.advance(1000)
        assert stage.engine.unloads == 1
        following = stage.submit()
        await stage.until(following, JobState.LOADING)
        await settle()
        assert stage.engine.jobs == [job.id, following.id]

    play(scene, tmp_path, idle_unload=300)


def test_by_default_a_model_stays(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.succeed(job)
        await stage.until(job, JobState.SUCCEEDED)
        await stage.clock.advance(10**6)
        assert stage.engine.unloads == 0

    play(scene, tmp_path)


def test_unloading_waits_for_the_running_job_and_comes_before_the_next(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job, following = stage.submit(), stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.scheduler.unload("wide")
        stage.scheduler.unload("other")
        await settle()
        assert stage.engine.unloads == 0
        stage.succeed(job)
        await stage.until(following, JobState.LOADING)
        assert stage.engine.unloads == 1

    play(scene, tmp_path)


def test_loading_a_model_on_request(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.scheduler.load("other")
        await settle()
        assert [load.model_folder.name for load in stage.engine.loads] == ["other"]
        job = stage.submit()
        await settle()
        assert stage.now(job).state is JobState.QUEUED
        error = JobError(code="download_failed", message="There is no network; try again.")
        stage.engine.says(Failed(job=stage.engine.loads[0].job, error=error))
        await stage.until(job, JobState.LOADING)
        assert stage.scheduler.load_error("other") == error
        await settle()
        stage.succeed(job)
        await stage.until(job, JobState.SUCCEEDED)
        stage.scheduler.load("other")
        await settle()
        stage.engine.says(Finished(job=stage.engine.loads[1].job))
        await settle()
        assert stage.scheduler.load_error("other") is None

    play(scene, tmp_path)


def test_a_worker_that_dies_while_it_loads_a_model(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.scheduler.load("other")
        await settle()
        stage.engine.says(WorkerDied("gone"))
        await settle()
        error = stage.scheduler.load_error("other")
        assert error is not None
        assert error.code == "worker_died"
        job = stage.submit()
        await stage.until(job, JobState.LOADING)

    play(scene, tmp_path)
