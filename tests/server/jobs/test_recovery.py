"""What a server finds when it starts, whatever the last one died of."""

import asyncio
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.jobs.clip_files import ClipFiles
from server.jobs.feed import JobFeed
from server.jobs.folders import DataFolders
from server.jobs.job import Job
from server.jobs.recovery import check_finished, recover
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import JobState
from tests.server.jobs.small_requests import REQUEST
from tests.server.jobs.stage import write_clip_folder


class Server:
    """The parts of a server that outlive it."""

    def __init__(self, root: Path) -> None:
        self.folders = DataFolders(root)
        self.folders.create()
        self.store = SqliteJobStore(self.folders.database)
        self.feed = JobFeed(self.store)

    def start(self) -> None:
        recover(self.feed, ClipFiles(self.folders), datetime.now(UTC))
        asyncio.run(check_finished(self.feed, ClipFiles(self.folders)))

    def add(self, *states: JobState, clips: int = 1) -> Job:
        """A job that has come through these states; at `succeeded` its clips are there."""
        request = REQUEST.model_copy(update={"num_clips": clips})
        job = self.feed.add(Job.create(request, queue_position=1))
        for state in states:
            if state is JobState.SUCCEEDED:
                job = self.feed.publish(job.with_clip(write_clip_folder(self.folders.clips, job.id, request)))
                job = self.feed.publish(job.succeeded())
            else:
                job = self.feed.publish(job.moved_to(state))
        return job

    def now(self, job: Job) -> Job:
        latest = self.store.get(job.id)
        assert latest is not None
        return latest

    def clip_folders(self) -> list[str]:
        return sorted(path.name for path in self.folders.clips.iterdir())


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


LOADING, RUNNING, DECODING, ENCODING = JobState.LOADING, JobState.RUNNING, JobState.DECODING, JobState.ENCODING


def test_queued_jobs_stay_queued_in_their_order(server: Server) -> None:
    jobs = [server.add(), server.add(), server.add()]
    server.start()
    assert [job.id for job in server.store.queued()] == [job.id for job in jobs]
    assert [job.queue_position for job in server.store.queued()] == [1, 2, 3]
    assert all(job.attempt == 1 for job in server.store.queued())


@pytest.mark.parametrize("road", [[LOADING], [LOADING, RUNNING], [LOADING, RUNNING, DECODING, ENCODING]])
def test_a_job_at_work_is_queued_once_more_before_those_that_came_later(server: Server, road: list[JobState]) -> None:
    at_work, later = server.add(*road), server.add()
    server.start()
    assert [job.id for job in server.store.queued()] == [at_work.id, later.id]
    assert server.now(at_work).attempt == 2
    records = server.store.records_after(at_work.id, at_work.sequence)
    assert [record.state for record in records] == ["interrupted", "queued"]

    server.feed.claim()
    server.start()
    given_up = server.now(at_work)
    assert (given_up.state, given_up.finished, given_up.attempt) == (JobState.INTERRUPTED, True, 2)
    last = given_up.sequence
    server.start()
    assert server.now(at_work).sequence == last


def test_a_job_that_a_clean_stop_interrupted_is_queued_again(server: Server) -> None:
    job = server.add(LOADING, JobState.INTERRUPTED)
    server.start()
    assert (server.now(job).state, server.now(job).attempt) == (JobState.QUEUED, 2)


def test_a_cancel_holds_though_the_server_died_before_the_worker_obeyed(server: Server) -> None:
    job = server.add(LOADING, RUNNING)
    server.feed.change(job.id, Job.cancelling)
    server.start()
    assert server.now(job).state is JobState.CANCELLED


def test_clips_that_were_complete_are_the_job_s(server: Server) -> None:
    job = server.add(LOADING, RUNNING, clips=3)
    made = [write_clip_folder(server.folders.clips, job.id, job.request, index) for index in (1, 2)]
    server.start()
    assert server.now(job).clips == tuple(made)
    assert (server.now(job).state, server.now(job).clip_index) == (JobState.QUEUED, 3)


def test_with_all_clips_on_disk_the_job_has_succeeded(server: Server) -> None:
    job = server.add(LOADING, RUNNING)
    made = write_clip_folder(server.folders.clips, job.id, job.request)
    server.start()
    assert (server.now(job).state, server.now(job).clips) == (JobState.SUCCEEDED, (made,))


def test_a_clip_that_is_not_what_the_job_wants_is_not_taken(server: Server) -> None:
    job = server.add(LOADING, RUNNING)
    made = write_clip_folder(server.folders.clips, job.id, job.request.model_copy(update={"steps": 3}))
    server.start()
    assert (server.now(job).state, server.now(job).clips) == (JobState.QUEUED, ())
    ClipFiles(server.folders).make_room(server.now(job))
    assert made.name not in server.clip_folders()


def test_a_job_has_not_succeeded_without_its_files(server: Server) -> None:
    whole, frameless, gone = (server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED) for _ in range(3))
    (Path(frameless.clips[0].folder) / "0009.png").unlink()
    shutil.rmtree(gone.clips[0].folder)
    server.start()
    assert server.now(whole) == whole
    for job in (frameless, gone):
        failed = server.now(job)
        assert (failed.state, failed.clips) == (JobState.FAILED, ())
        assert failed.error is not None
        assert (failed.error.code, failed.error.message[-18:]) == ("files_missing", "generate it again.")


def test_temporary_files_go_and_previews_of_finished_jobs_stay(server: Server) -> None:
    done = server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED)
    at_work = server.add(LOADING, RUNNING)
    for job_id in (done.id, at_work.id, "f" * 32):
        server.folders.preview(job_id).parent.mkdir()
        server.folders.preview(job_id).touch()
    (server.folders.clips / f".partial-{at_work.id}").mkdir()
    (server.folders.clips / ".trash-1").mkdir()
    server.start()
    assert [path.name for path in server.folders.jobs.iterdir()] == [done.id]
    assert server.clip_folders() == [done.clips[0].name]


def test_what_somebody_else_has_put_into_the_folder_stays(server: Server) -> None:
    """Also when the database is new: it may have been lost, and the clips must not be."""
    stranger = write_clip_folder(server.folders.clips, "f" * 32, REQUEST)
    (server.folders.clips / "notes").mkdir()
    # A Synology disk station makes such a folder in every other.
    for folder in (server.folders.clips, server.folders.jobs):
        (folder / "@eaDir").mkdir()
        (folder / "@eaDir" / "thumbnail").touch()
        (folder / "notes.txt").touch()
    server.start()
    assert server.clip_folders() == sorted([stranger.name, "notes", "@eaDir", "notes.txt"])
    assert sorted(path.name for path in server.folders.jobs.rglob("*")) == ["@eaDir", "notes.txt", "thumbnail"]


def test_the_start_does_not_look_at_every_frame_of_every_clip(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED)
    asked: list[str] = []
    monkeypatch.setattr(ClipFiles, "has", lambda _, clip: asked.append(clip.name) or True)
    recover(server.feed, ClipFiles(server.folders), datetime.now(UTC))
    assert asked == []
    asyncio.run(check_finished(server.feed, ClipFiles(server.folders)))
    assert len(asked) == 1


def test_a_job_that_this_version_cannot_read_is_left_out_and_its_files_stay(server: Server, caplog) -> None:
    """A later version has stored it, and this one has been installed again."""
    good = server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED)
    strange = server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED)
    waiting = server.add()
    server.store.close()
    with sqlite3.connect(server.folders.database) as connection:
        connection.execute(
            "UPDATE jobs SET record = json_set(record, '$.state', 'dreaming') WHERE id = ?", (strange.id,)
        )
        connection.execute("UPDATE jobs SET request = json_set(request, '$.width', 'wide') WHERE id = ?", (waiting.id,))
    connection.close()
    server.folders.preview(strange.id).parent.mkdir()
    server.folders.preview(strange.id).touch()

    again = Server(server.folders.root)
    again.start()
    assert again.store.newest_first() == [good]
    assert again.store.get(strange.id) is again.store.get(waiting.id) is again.store.claim() is None
    assert again.store.count_by_state() == {JobState.SUCCEEDED: 1}
    assert again.folders.preview(strange.id).exists()
    assert strange.clips[0].name in again.clip_folders()
    assert [job_id for job_id in (strange.id, waiting.id) if job_id not in caplog.text] == []
    new = again.store.add(Job.create(REQUEST, queue_position=1))
    assert again.store.renumber_queue() == []
    claimed = again.store.claim()
    assert claimed is not None
    assert claimed.id == new.id


def test_fields_that_this_version_does_not_know_stay_in_the_row(server: Server) -> None:
    job = server.add()
    server.store.close()
    with sqlite3.connect(server.folders.database) as connection:
        connection.execute(
            "UPDATE jobs SET request = json_set(request, '$.camera', 'orbit', '$.style_loras', "
            """json('[{"name": "ink", "strength": 1.0, "blocks": 3}]')), record = json_set(record, '$.mood', 'good')"""
        )
    connection.close()

    again = Server(server.folders.root)
    again.start()
    known = again.now(job)
    assert known.request.prompt == job.request.prompt
    assert [lora.name for lora in known.request.style_loras] == ["ink"]
    again.store.update(known.moved_to(JobState.LOADING))
    again.store.close()
    with sqlite3.connect(server.folders.database) as connection:
        ((camera,),) = connection.execute("SELECT json_extract(request, '$.camera') FROM jobs").fetchall()
    connection.close()
    assert camera == "orbit"


def test_a_removal_that_was_cut_short_is_finished(server: Server) -> None:
    job = server.add(LOADING, RUNNING, DECODING, ENCODING, JobState.SUCCEEDED)
    server.feed.remove(job.id, [job.clips[0].name])
    assert server.clip_folders() == [job.clips[0].name]
    server.start()
    assert server.clip_folders() == []
    assert server.store.removals() == []


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_nothing_outside_the_clips_folder_is_ever_removed(server: Server, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "file").touch()
    (server.folders.clips / "link").symlink_to(outside)
    (server.folders.clips / ".trash-link").symlink_to(outside)
    job = server.add()
    names = ["../precious", str(outside), "link", ".", "..", "", "clips/../../precious"]
    server.feed.remove(job.id, names)
    server.start()
    assert (outside / "file").exists()
    assert server.folders.clips.is_dir()
