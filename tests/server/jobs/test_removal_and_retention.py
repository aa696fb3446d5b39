"""Removing jobs and uploads, by hand and by the limits on age and size."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.jobs.errors import Conflict
from server.jobs.job import Job
from server.jobs.removal import remove_job, remove_upload
from server.jobs.retention import Retention, RetentionLimits
from server.jobs.states import JobState
from server.jobs.uploads import UploadInfo
from tests.server.jobs.stage import Stage, play, settle

DAY = 86400.0
UPLOAD = UploadInfo("a" * 64, "image", 64, 64, True, 1, None, 9, Path("image"), datetime(2026, 1, 1, tzinfo=UTC))


class Uploads:
    def __init__(self, *uploads: UploadInfo) -> None:
        self.kept = {upload.id: upload for upload in uploads}

    def get(self, upload_id: str) -> UploadInfo | None:
        return self.kept.get(upload_id)

    def all(self) -> Iterable[UploadInfo]:
        return self.kept.values()

    def remove(self, upload_id: str) -> None:
        del self.kept[upload_id]


async def finished(stage: Stage, size: int = 0) -> Job:
    """A job that has succeeded; its first frame has `size` bytes. It is as old as the clock says."""
    job = stage.submit()
    await stage.until(job, JobState.LOADING)
    await settle()
    stage.succeed(job)
    done = await stage.until(job, JobState.SUCCEEDED)
    await settle()
    done = done.model_copy(update={"sequence": done.sequence + 1, "updated_at": stage.clock.now()})
    stage.feed.publish(done)
    (Path(done.clips[0].folder) / "0001.png").write_bytes(b"x" * size)
    return done


def retention(stage: Stage, uploads: Uploads | None = None, **limits: float) -> Retention:
    return Retention(stage.feed, stage.files, uploads or Uploads(), RetentionLimits(**limits), stage.clock)  # type: ignore[arg-type]


def left(stage: Stage) -> set[str]:
    """The jobs that are left; each of them has its clip, and no other clip is there."""
    jobs = stage.store.newest_first()
    assert {clip.name for job in jobs for clip in job.clips} == {path.name for path in stage.folders.clips.iterdir()}
    assert stage.store.removals() == []
    return {job.id for job in jobs}


def test_removing_a_job_removes_its_files(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job, other = await finished(stage), await finished(stage)
        stage.folders.preview(job.id).parent.mkdir()
        await remove_job(stage.feed, stage.files, job.id)
        assert left(stage) == {other.id}
        assert list(stage.folders.jobs.iterdir()) == []
        with pytest.raises(KeyError):
            await remove_job(stage.feed, stage.files, job.id)

    play(scene, tmp_path)


def test_what_is_at_work_or_waits_or_is_pinned_cannot_be_removed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        done = await finished(stage)
        stage.feed.change(done.id, lambda job: job.pinned_as(True))
        running, waiting = stage.submit(), stage.submit()
        await stage.until(running, JobState.LOADING)
        for job, code in ((done, "pinned"), (running, "not_finished"), (waiting, "not_finished")):
            with pytest.raises(Conflict) as caught:
                await remove_job(stage.feed, stage.files, job.id)
            assert caught.value.code == code
        assert len(left(stage)) == 3

    play(scene, tmp_path)


def test_by_default_everything_stays(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await finished(stage, size=10**6)
        uploads = Uploads(UPLOAD)
        await stage.clock.advance(10_000 * DAY)
        await retention(stage, uploads).sweep()
        assert left(stage) == {job.id}
        assert uploads.kept

    play(scene, tmp_path)


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        old, pinned = await finished(stage), await finished(stage)
        stage.feed.change(pinned.id, lambda job: job.pinned_as(True))
        waiting = stage.submit()
        await stage.until(waiting, JobState.LOADING)
        await stage.clock.advance(6 * DAY)
        young = stage.submit()
        await retention(stage, keep_days=7).sweep()
        assert old.id in left(stage)
        await stage.clock.advance(2 * DAY)
        await retention(stage, keep_days=7).sweep()
        assert left(stage) == {pinned.id, waiting.id, young.id}

    play(scene, tmp_path)


def test_the_oldest_go_when_all_together_are_too_large(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        jobs = [await finished(stage, size=100_000) for _ in range(5)]
        stage.feed.change(jobs[0].id, lambda job: job.pinned_as(True))
        await retention(stage, keep_bytes=250_000).sweep()
        assert left(stage) == {jobs[0].id, jobs[4].id}

    play(scene, tmp_path)


def test_the_records_of_progress_go_though_everything_stays(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await finished(stage)
        records = stage.store.records_after(job.id, 0)
        await retention(stage).sweep()
        assert stage.store.records_after(job.id, 0) == records
        await stage.clock.advance(2 * DAY)
        await retention(stage).sweep()
        assert stage.store.records_after(job.id, 0) == records[-1:]

    play(scene, tmp_path)


def test_it_goes_on_by_itself(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await finished(stage)
        running = asyncio.create_task(retention(stage, keep_days=1).run())
        await settle()
        assert left(stage) == {job.id}
        await stage.clock.advance(2 * DAY)
        # The files go in a thread.
        while stage.store.newest_first() or stage.store.removals():
            await asyncio.sleep(0.01)
        assert left(stage) == set()
        running.cancel()

    play(scene, tmp_path)


def test_an_upload_stays_as_long_as_a_job_needs_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        other, young = replace(UPLOAD, id="b" * 64), replace(UPLOAD, id="c" * 64, stored_at=stage.clock.now())
        uploads = Uploads(UPLOAD, other, young)
        blocker = stage.submit()
        await stage.until(blocker, JobState.LOADING)
        needing = stage.submit(first_frame=UPLOAD.id)
        await retention(stage, uploads, keep_days=7).sweep()
        assert set(uploads.kept) == {UPLOAD.id, young.id}
        with pytest.raises(Conflict) as caught:
            remove_upload(stage.feed, uploads, UPLOAD.id)
        assert caught.value.code == "in_use"
        stage.scheduler.cancel(needing.id)
        remove_upload(stage.feed, uploads, UPLOAD.id)
        with pytest.raises(KeyError):
            remove_upload(stage.feed, uploads, UPLOAD.id)

    play(scene, tmp_path)
