"""The scheduler with one engine that does what the test says."""

from pathlib import Path

import pytest

from server.jobs.admission import AdmissionLimits
from server.jobs.errors import NotAdmitted, RequestError
from server.jobs.job import JobError
from server.jobs.states import JobState
from server.jobs.store import IdempotencyConflict, IdempotencyKey
from server.workers.engine import WorkerDied
from server.workers.messages import Cancelled, Failed, Phase, Step
from tests.server.jobs.small_requests import REQUEST
from tests.server.jobs.stage import Stage, play, settle, write_clip_folder


def test_jobs_run_in_order_one_at_a_time(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        first, second, third = stage.submit(), stage.submit(), stage.submit()
        assert [job.queue_position for job in (first, second, third)] == [1, 2, 3]
        await stage.until(first, JobState.LOADING)
        await settle()
        assert stage.engine.jobs == [first.id]
        assert [job.queue_position for job in stage.store.queued()] == [1, 2]
        stage.succeed(first)
        done = await stage.until(first, JobState.SUCCEEDED)
        assert [clip.index for clip in done.clips] == [1]
        await stage.until(second, JobState.LOADING)
        await settle()
        assert stage.engine.jobs == [first.id, second.id]

    play(scene, tmp_path)


def test_a_queued_job_is_cancelled_at_once_and_never_runs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        first, second, third = stage.submit(), stage.submit(), stage.submit()
        await stage.until(first, JobState.LOADING)
        assert stage.scheduler.cancel(second.id).state is JobState.CANCELLED
        assert [(job.id, job.queue_position) for job in stage.store.queued()] == [(third.id, 1)]
        stage.succeed(first)
        await stage.until(third, JobState.LOADING)
        await settle()
        assert stage.engine.jobs == [first.id, third.id]
        assert stage.engine.cancelled == []

    play(scene, tmp_path)


def test_a_running_job_is_cancelled_when_the_worker_has_said_so(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        stage.engine.says(*(Phase(job=job.id, phase=phase) for phase in ("loading", "running")))
        stage.engine.says(Step(job=job.id, clip=1, step=1))
        await stage.until(job, JobState.RUNNING)
        assert stage.scheduler.cancel(job.id).state is JobState.RUNNING
        assert stage.scheduler.cancel(job.id).state is JobState.RUNNING
        assert stage.engine.cancelled == [job.id]
        (stage.folders.clips / f".partial-{job.id}").mkdir()
        stage.engine.says(Cancelled(job=job.id))
        await stage.until(job, JobState.CANCELLED)
        await settle()
        assert list(stage.folders.clips.iterdir()) == []

    play(scene, tmp_path)


def test_a_worker_that_does_not_obey_is_killed_and_the_next_job_runs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        deaf, following = stage.submit(), stage.submit()
        await stage.until(deaf, JobState.LOADING)
        await settle()
        stage.scheduler.cancel(deaf.id)
        await settle()
        await stage.clock.advance(9)
        assert stage.engine.kills == 0
        await stage.clock.advance(2)
        await stage.until(deaf, JobState.CANCELLED)
        assert stage.engine.kills == 1
        await stage.until(following, JobState.LOADING)
        await settle()
        stage.succeed(following)
        await stage.until(following, JobState.SUCCEEDED)
        await stage.clock.advance(100)
        assert stage.engine.kills == 1

    play(scene, tmp_path, cancel_grace=10)


def test_a_cancel_before_the_engine_has_the_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        # It belongs to the engine's lane from the moment that it is loading.
        await stage.until(job, JobState.LOADING)
        stage.scheduler.cancel(job.id)
        await settle()
        assert stage.engine.jobs in ([], [job.id])
        stage.engine.says(Cancelled(job=job.id))
        await stage.until(job, JobState.CANCELLED)

    play(scene, tmp_path)


def test_a_clip_that_was_finished_before_the_cancel_came_is_a_success(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.succeed(job)
        stage.scheduler.cancel(job.id)
        await stage.until(job, JobState.SUCCEEDED)
        assert stage.scheduler.cancel(job.id).state is JobState.SUCCEEDED

    play(scene, tmp_path)


def test_a_worker_that_dies_once_costs_an_attempt_and_dying_twice_the_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        unlucky, following = stage.submit(), stage.submit()
        await stage.until(unlucky, JobState.LOADING)
        await settle()
        stage.engine.says(Phase(job=unlucky.id, phase="running"), WorkerDied("gone"))
        await settle()
        again = stage.now(unlucky)
        assert (again.state, again.attempt) == (JobState.LOADING, 2)
        states = [record.state for record in stage.store.records_after(unlucky.id, 0)]
        assert states == ["queued", "loading", "running", "interrupted", "queued", "loading"]
        stage.engine.says(WorkerDied("gone again"))
        failed = await stage.until(unlucky, JobState.FAILED)
        assert failed.error is not None
        assert failed.error.code == "worker_died"
        await stage.until(following, JobState.LOADING)
        await settle()
        stage.succeed(following)
        await stage.until(following, JobState.SUCCEEDED)

    play(scene, tmp_path)


def test_clips_that_were_finished_are_kept_when_the_worker_dies(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit(num_clips=3)
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.engine.says(Phase(job=job.id, phase="running"))
        await stage.until(job, JobState.RUNNING)
        # Two clips are on disk; the worker dies before it can say so, in the middle of the third.
        made = [write_clip_folder(stage.folders.clips, job.id, job.request, index) for index in (1, 2)]
        (stage.folders.clips / f".partial-{job.id}").mkdir()
        stage.engine.says(WorkerDied("gone"))
        await settle()
        again = stage.now(job)
        assert (again.state, again.attempt, [clip.name for clip in again.clips]) == (
            JobState.LOADING,
            2,
            [clip.name for clip in made],
        )
        assert stage.engine.tasks[-1].first_clip == 3
        assert not (stage.folders.clips / f".partial-{job.id}").exists()

    play(scene, tmp_path)


def test_a_job_whose_last_clip_was_on_disk_has_succeeded(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        write_clip_folder(stage.folders.clips, job.id, job.request)
        stage.engine.says(WorkerDied("gone"))
        done = await stage.until(job, JobState.SUCCEEDED)
        assert [clip.seed for clip in done.clips] == [7]

    play(scene, tmp_path)


def test_the_worker_s_error_is_the_job_s(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        error = JobError(code="out_of_memory", message="Use a smaller size.")
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.engine.says(Failed(job=job.id, error=error))
        assert (await stage.until(job, JobState.FAILED)).error == error

    play(scene, tmp_path)


def test_reports_out_of_order_end_the_job_and_the_worker(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.engine.says(Phase(job=job.id, phase="encoding"))
        failed = await stage.until(job, JobState.FAILED)
        assert failed.error is not None
        assert failed.error.code == "internal_error"
        assert stage.engine.kills == 1

    play(scene, tmp_path)


def test_a_job_whose_input_is_gone_fails_and_the_engine_never_sees_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit(first_frame="a" * 64)
        failed = await stage.until(job, JobState.FAILED)
        assert failed.error is not None
        assert (failed.error.code, stage.engine.jobs) == ("input_unusable", [])
        assert "upload it again" in failed.error.message

    play(scene, tmp_path)


def test_pinning_a_running_job_does_not_disturb_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.feed.change(job.id, lambda job: job.pinned_as(True))
        stage.succeed(job)
        assert (await stage.until(job, JobState.SUCCEEDED)).pinned

    play(scene, tmp_path)


def test_stopping_interrupts_the_running_job_and_leaves_the_queue(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        running, queued = stage.submit(), stage.submit()
        await stage.until(running, JobState.LOADING)
        await stage.scheduler.stop()
        assert [job.state for job in stage.store.newest_first()] == [JobState.QUEUED, JobState.INTERRUPTED]
        assert not stage.now(running).finished
        assert [job.id for job in stage.store.queued()] == [queued.id]
        with pytest.raises(NotAdmitted) as caught:
            stage.submit()
        assert caught.value.code == "stopping"

    play(scene, tmp_path)


def test_stopping_a_job_that_was_to_be_cancelled_cancels_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await settle()
        stage.scheduler.cancel(job.id)
        await stage.scheduler.stop()
        assert stage.now(job).state is JobState.CANCELLED

    play(scene, tmp_path)


def test_an_interrupted_job_can_be_cancelled(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = stage.submit()
        await stage.until(job, JobState.LOADING)
        await stage.scheduler.stop()
        assert stage.scheduler.cancel(job.id).state is JobState.CANCELLED

    play(scene, tmp_path)


def test_the_same_key_is_the_same_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = IdempotencyKey("key", "hash")
        job = stage.scheduler.submit(REQUEST, key)
        assert stage.scheduler.submit(REQUEST.model_copy(update={"seed": 8}), key).id == job.id
        with pytest.raises(IdempotencyConflict):
            stage.scheduler.submit(REQUEST, IdempotencyKey("key", "other"))
        assert len(stage.store.newest_first()) == 1

    play(scene, tmp_path)


def test_a_full_queue_takes_no_more(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        running = stage.submit()
        await stage.until(running, JobState.LOADING)
        await settle()
        stage.engine.says(
            Phase(job=running.id, phase="running"), Step(job=running.id, clip=1, step=1, eta_seconds=41.2)
        )
        await stage.until(running, JobState.RUNNING)
        await settle()
        key = IdempotencyKey("key", "hash")
        waiting = stage.scheduler.submit(REQUEST, key)
        stage.submit()
        with pytest.raises(NotAdmitted) as caught:
            stage.submit()
        assert (caught.value.code, caught.value.retry_after) == ("queue_full", 42)
        assert str(caught.value) == "The queue is full: 2 jobs wait and 1 at work. Try later, or cancel some."
        assert stage.scheduler.submit(REQUEST, key).id == waiting.id

    play(scene, tmp_path, limits=AdmissionLimits(max_queue=2))


def test_too_many_pixels_and_too_little_disk(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(RequestError) as too_large:
            stage.submit(num_clips=3)
        assert (too_large.value.code, too_large.value.field) == ("clip_too_large", "num_clips")
        stage.submit(num_clips=2)
        stage.free_bytes = 10**9
        with pytest.raises(NotAdmitted, match=r"only 1\.0 GB left") as low:
            stage.submit()
        assert low.value.code == "disk_low"

    play(scene, tmp_path, limits=AdmissionLimits(max_pixels=64 * 64 * 9 * 2))
