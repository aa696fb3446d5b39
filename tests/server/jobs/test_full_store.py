"""A job database that cannot be written: what changes meanwhile holds, and is in the file as soon as it can be."""

import sqlite3
import time
from pathlib import Path

import pytest

from server.jobs.admission import AdmissionLimits
from server.jobs.database import open_database
from server.jobs.errors import DatabaseError, NotAdmitted
from server.jobs.job import Job, JobError
from server.jobs.removal import remove_job
from server.jobs.reserve import Reserve
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import JobState
from server.jobs.store import Removal, StaleJob, StoreFailed
from server.workers.messages import Failed, Phase, Step
from tests.server.jobs.small_requests import REQUEST
from tests.server.jobs.stage import Stage, play, settle
from tests.server.media.file_limit import file_limit
from tests.server.small_disk import fill, small_disk

FULL = JobError(code="disk_full", message="The disk is full; make room and generate the clip again.")


def add(store: SqliteJobStore, count: int) -> list[Job]:
    return [store.add(Job.create(REQUEST, queue_position=number)) for number in range(1, count + 1)]


def fill_up(store: SqliteJobStore, free_pages: int = 0) -> None:
    """Let the file grow by so many pages only, which SQLite treats as a full disk."""
    (pages,) = store._file.execute("PRAGMA page_count").fetchone()
    store._file.execute(f"PRAGMA max_page_count = {pages + free_pages}")


def make_room(store: SqliteJobStore) -> None:
    store._file.execute("PRAGMA max_page_count = 1000000")


def exhaust(store: SqliteJobStore, job: Job) -> Job:
    """Change a job until the file is full."""
    while store.trouble is None:
        job = job.warned("w" * 3000 + str(job.sequence))
        store.update(job)
    return job


def test_what_happens_on_a_full_disk_holds_and_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqliteJobStore(path)
    first, second, third = add(store, 3)
    fill_up(store)
    first = exhaust(store, first)
    assert store.trouble is not None and store.trouble.is_full
    assert store.trouble.sentence == "The server's disk is full; make room on it or remove old videos."

    second = second.moved_to(JobState.CANCELLED)
    store.update(second)
    store.remove(third.id, ("clip",))
    assert store.renumber_queue() == []
    assert store.newest_first() == [second, first] and store.removals() == [Removal(third.id, ("clip",))]
    assert store.records_after(second.id, 1) == [second]
    with pytest.raises(StaleJob):
        store.update(second)
    for promise in (lambda: store.add(Job.create(REQUEST, queue_position=2)), store.claim):
        with pytest.raises(StoreFailed) as caught:
            promise()
        assert caught.value.is_full
    assert not store.write_back()

    make_room(store)
    assert store.write_back() and store.trouble is None
    (fourth,) = add(store, 1)
    store.close()
    again = SqliteJobStore(path)
    assert again.newest_first() == [fourth, second, first]
    assert [job.sequence for job in again.records_after(first.id, 0)] == list(range(1, first.sequence + 1))
    assert again.removals() == [Removal(third.id, ("clip",))]


def test_the_first_change_that_lasts_writes_all_again(tmp_path: Path) -> None:
    store = SqliteJobStore(tmp_path / "jobs.sqlite3")
    first, second = add(store, 2)
    fill_up(store)
    exhaust(store, first)
    make_room(store)
    store.update(second.pinned_as(True))
    assert store.trouble is None


@pytest.mark.parametrize("free_pages", range(8))
def test_wherever_the_disk_fills_up_no_change_is_done_by_half(tmp_path: Path, free_pages: int) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqliteJobStore(path)
    jobs = add(store, 4)
    fill_up(store, free_pages)
    for job in jobs[:2]:
        store.update(job.warned("w" * 9000))
    store.remove(jobs[2].id, ["c" * 9000])
    expected = store.newest_first()
    assert [len(job.warnings) for job in expected] == [0, 1, 1]

    # As it is in the file: what a killed server leaves is one change after the other, each whole.
    with sqlite3.connect(path) as other:
        rows = other.execute(
            "SELECT jobs.id, sequence, (SELECT max(sequence) FROM records WHERE job = number) FROM jobs"
        )
        assert all(sequence == last for _, sequence, last in rows)
    make_room(store)
    store.close()
    assert SqliteJobStore(path).newest_first() == expected


def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqliteJobStore(path)
    first, second = add(store, 2)
    with file_limit(path.with_name("jobs.sqlite3-wal").stat().st_size + 4096):
        first = exhaust(store, first)
        second = second.moved_to(JobState.CANCELLED)
        store.update(second)
        assert store.trouble is not None and store.trouble.sentence.endswith(".")
        assert store.newest_first() == [second, first]
    store.close()
    assert SqliteJobStore(path).newest_first() == [second, first]


def test_a_program_that_holds_the_database_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqliteJobStore(path)
    (job,) = add(store, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    job = job.moved_to(JobState.CANCELLED)
    store.update(job)
    assert time.monotonic() - began < 1
    assert store.trouble is not None
    assert store.trouble.code == "database_busy" and "end that program" in store.trouble.sentence
    assert store.newest_first() == [job] and not store.write_back()

    other.execute("ROLLBACK")
    assert store.write_back()
    store.close()
    assert SqliteJobStore(path).newest_first() == [job]


def test_what_a_later_version_wrote_stays_left_out_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqliteJobStore(path)
    known, unknown = add(store, 2)
    store.close()
    with sqlite3.connect(path) as other:
        other.execute(
            "UPDATE jobs SET record = json_set(record, '$.created_at', 'some day') WHERE id = ?", (unknown.id,)
        )
    store = SqliteJobStore(path)
    fill_up(store)
    known = exhaust(store, known)
    assert store.newest_first() == [known] and store.unreadable() == [unknown.id]


def test_a_reserve_lets_the_changes_that_last_be_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6) as disk:
        reserve = Reserve(disk / "jobs.reserve")
        store = SqliteJobStore(disk / "jobs.sqlite3", reserve=reserve)
        first, second = add(store, 2)
        assert (disk / "jobs.reserve").stat().st_size == 1 << 20
        filling = fill(disk)
        while store.trouble is None:
            first = first.warned("w" * 3000 + str(first.sequence))
            store.update(first, durable=False)
        store.update(second.moved_to(JobState.CANCELLED))
        assert store.trouble is None and not (disk / "jobs.reserve").exists()

        filling.unlink()
        assert store.write_back() and (disk / "jobs.reserve").exists()
        store.close()


def test_a_server_starts_on_a_full_disk_by_its_reserve(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6) as disk:
        path, reserve = disk / "jobs.sqlite3", Reserve(disk / "jobs.reserve")
        store = SqliteJobStore(path, reserve=reserve)
        jobs = add(store, 1)
        store.close()
        fill(disk)
        store = SqliteJobStore(path, reserve=reserve)
        assert store.newest_first() == jobs
        store.close()
        reserve.release()
        fill(disk)
        with pytest.raises(DatabaseError, match="make room on it") as caught:
            open_database(path)
        assert caught.value.is_full


def test_a_job_fails_and_the_queue_waits(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        running, waiting = stage.submit(), stage.submit()
        await settle()
        stage.engine.says(Phase(job=running.id, phase="loading"), Phase(job=running.id, phase="running"))
        await settle()
        fill_up(stage.store)
        exhaust_by_steps(stage, running)
        await settle()
        failed = stage.now(running)
        assert (failed.state, failed.error) == (JobState.FAILED, FULL)
        assert stage.engine.jobs == [running.id] and stage.engine.kills == 1
        problem = stage.scheduler.room.problem()
        assert problem is not None and problem[0] == "disk_full"

        with pytest.raises(NotAdmitted) as caught:
            stage.submit()
        assert (caught.value.code, caught.value.retry_after) == ("disk_full", 60)
        other = stage.store.newest_first()[0]
        assert stage.scheduler.cancel(other.id).state is JobState.CANCELLED
        assert stage.feed.change(running.id, lambda job: job.pinned_as(True)).pinned
        stage.feed.change(running.id, lambda job: job.pinned_as(False))
        await remove_job(stage.feed, stage.files, running.id)
        assert stage.store.get(running.id) is None

        await stage.clock.advance(10)
        assert len(stage.engine.tasks) == 1
        make_room(stage.store)
        stage.store.write_back()
        assert stage.now(waiting).state is JobState.CANCELLED
        after = stage.submit()
        stage.free_bytes *= 2
        await stage.clock.advance(10)
        assert stage.engine.jobs == [running.id, after.id]
        stage.succeed(after)
        await stage.until(after, JobState.SUCCEEDED)

    play(scene, tmp_path)


def exhaust_by_steps(stage: Stage, job: Job) -> None:
    """Let a worker report steps until the file is full."""
    stage.engine.says(*(Step(job=job.id, clip=1, step=1 + number % 3) for number in range(200)))


def test_one_clip_that_did_not_fit_does_not_cost_the_others_theirs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.free_bytes = 10**3
        first, second = stage.submit(), stage.submit()
        await settle()
        stage.engine.says(Failed(job=first.id, error=FULL))
        await settle()
        assert stage.now(first).state is JobState.FAILED and stage.now(second).state is JobState.QUEUED
        problem = stage.scheduler.room.problem()
        assert problem is not None and "the last clip did not fit. Make 4 MB of room" in problem[1]
        await stage.clock.advance(10)
        assert stage.now(second).state is JobState.QUEUED

        stage.free_bytes = 10**9
        await stage.clock.advance(10)
        assert stage.now(second).state is not JobState.QUEUED
        stage.succeed(second)
        await stage.until(second, JobState.SUCCEEDED)

    play(scene, tmp_path, limits=AdmissionLimits(disk_floor=0))
