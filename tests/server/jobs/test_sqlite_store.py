"""The job store in a real file: what it keeps, and what it says when the file cannot be used."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.jobs.errors import DatabaseError
from server.jobs.job import Job
from server.jobs.migrations import MIGRATIONS, SCHEMA_VERSION, migrate
from server.jobs.request import StyleLora, VideoRequest
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import JobState
from server.jobs.store import IdempotencyConflict, IdempotencyKey, StoreFailed
from server.launch import module_environment
from tests.server.jobs.small_requests import REQUEST


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


def add(store: SqliteJobStore, count: int) -> list[Job]:
    return [store.add(Job.create(REQUEST, queue_position=number)) for number in range(1, count + 1)]


def refusal(path: Path, **options: float) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        SqliteJobStore(path, **options)
    assert str(caught.value).endswith(".")
    return caught.value


def test_what_one_process_has_written_the_next_one_reads(path: Path) -> None:
    store = SqliteJobStore(path)
    jobs = add(store, 2)
    changed = jobs[0].moved_to(JobState.LOADING)
    store.update(changed)
    store.close()

    again = SqliteJobStore(path)
    assert again.newest_first() == [jobs[1], changed]
    assert again.records_after(jobs[0].id, 0) == [jobs[0], changed]


def test_a_claimed_job_is_the_first_one_and_loading(path: Path) -> None:
    store = SqliteJobStore(path)
    first, second = add(store, 2)
    claimed = store.claim()

    assert claimed is not None
    expected = first.moved_to(JobState.LOADING)
    assert claimed == store.get(first.id) == expected.model_copy(update={"updated_at": claimed.updated_at})
    assert store.records_after(first.id, 1) == [claimed]
    assert store.renumber_queue() == [second.id]
    moved = store.get(second.id)
    assert moved == second.at_queue_position(1).model_copy(update={"updated_at": moved and moved.updated_at})
    assert store.renumber_queue() == []
    assert store.claim() is not None
    assert store.claim() is None


CLAIMER = """
import sys
from pathlib import Path
from server.jobs.sqlite_store import SqliteJobStore

store = SqliteJobStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while (job := store.claim()) is not None:
    print(job.id)
"""


def test_several_processes_never_claim_the_same_job(path: Path) -> None:
    jobs = add(SqliteJobStore(path), 60)
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=module_environment(),
        )
        for _ in range(4)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    outputs = [claimer.communicate(timeout=60)[0].split() for claimer in claimers]

    assert [claimer.returncode for claimer in claimers] == [0] * 4
    assert sorted(job_id for output in outputs for job_id in output) == sorted(job.id for job in jobs)


def test_pages_of_the_list(path: Path) -> None:
    store = SqliteJobStore(path)
    newest_first = [job.id for job in reversed(add(store, 5))]
    store.claim()

    def page(**query: object) -> list[str]:
        return [job.id for job in store.newest_first(**query)]  # type: ignore[arg-type]

    assert page() == newest_first
    assert page(limit=2) == newest_first[:2]
    assert page(limit=2, before=newest_first[1]) == newest_first[2:4]
    assert page(state=JobState.LOADING) == newest_first[4:]
    assert page(state=JobState.QUEUED, before=newest_first[0], limit=9) == newest_first[1:4]
    assert page(before="no such job") == []
    assert store.count_by_state() == {JobState.LOADING: 1, JobState.QUEUED: 4}


def test_a_key_belongs_to_one_body_and_goes_with_its_job(path: Path) -> None:
    store = SqliteJobStore(path)
    key = IdempotencyKey("key", "hash")
    job = store.add(Job.create(REQUEST, queue_position=1), key)
    assert store.add(Job.create(REQUEST, queue_position=2), key) == job
    assert store.find_by_key(key) == job
    with pytest.raises(IdempotencyConflict):
        store.find_by_key(IdempotencyKey("key", "other"))
    with pytest.raises(IdempotencyConflict):
        store.add(Job.create(REQUEST, queue_position=2), IdempotencyKey("key", "other"))
    assert store.newest_first() == [job]

    store.remove(job.id, [])
    assert store.find_by_key(key) is None
    assert store.add(Job.create(REQUEST, queue_position=1), IdempotencyKey("key", "other")).id != job.id


def test_a_removal_leaves_only_the_note_of_its_files(path: Path) -> None:
    store = SqliteJobStore(path)
    job, other = add(store, 2)
    store.remove(job.id, ["fire_7_1234"])
    assert store.get(job.id) is None
    assert store.records_after(job.id, 0) == []
    assert [(removal.job_id, removal.clip_names) for removal in store.removals()] == [(job.id, ("fire_7_1234",))]
    store.removal_done(job.id)
    assert store.removals() == []
    assert store.newest_first() == [other]


texts = st.text(st.characters(codec="utf-8"), max_size=30)


# The disk may be busy.
@settings(deadline=None)
@given(
    request=st.builds(
        VideoRequest,
        prompt=texts,
        negative_prompt=texts,
        seed=st.integers(0, 2**31 - 1),
        width=st.integers(),
        height=st.integers(),
        num_frames=st.integers(),
        steps=st.integers(),
        guidance=st.floats(allow_nan=False, allow_infinity=False),
        cfg_schedule=st.sampled_from(["constant", "dynamic"]),
        text_to_alpha=st.sampled_from(["strict", "reference", "open"]),
        model=texts,
        first_frame=st.none() | st.just("a" * 64),
        style_loras=st.lists(
            st.builds(StyleLora, name=texts, strength=st.floats(allow_nan=False, allow_infinity=False)), max_size=2
        ).map(tuple),
    )
)
def test_every_request_comes_back_as_it_was(request: VideoRequest) -> None:
    store = SqliteJobStore(None)
    job = store.add(Job.create(request, queue_position=1))
    assert store.get(job.id) == job
    store.close()


def test_a_database_of_a_later_version_is_left_alone(path: Path) -> None:
    SqliteJobStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()

    error = refusal(path)
    assert error.code == "database_too_new"
    assert "schema 99" in str(error)
    assert path.read_bytes() == before


@pytest.mark.parametrize("contents", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_left_alone(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
    error = refusal(path)
    assert error.code == "database_damaged"
    assert "The clips stay on disk." in str(error)
    assert path.read_bytes() == contents


def test_a_torn_database_is_told(path: Path) -> None:
    store = SqliteJobStore(path)
    add(store, 50)
    store.close()
    contents = bytearray(path.read_bytes())
    contents[8192:12288] = b"\xff" * 4096
    path.write_bytes(contents)

    assert refusal(path).code == "database_damaged"


def test_a_database_that_another_program_holds_is_told(path: Path) -> None:
    SqliteJobStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")

    assert refusal(path, opening_seconds=0.01).code == "database_locked"
    other.close()
    SqliteJobStore(path)


def test_a_database_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no such folder" / "jobs.sqlite3").code == "data_dir_unusable"


def test_a_full_disk_is_told_and_changes_nothing(path: Path) -> None:
    store = SqliteJobStore(path)
    (job,) = add(store, 1)
    limit_pages(store)
    request = REQUEST.model_copy(update={"prompt": "x" * 100_000})
    with pytest.raises(StoreFailed) as caught:
        store.add(Job.create(request, queue_position=2))
    assert caught.value.is_full
    assert store.newest_first() == [job]
    store.update(job.moved_to(JobState.CANCELLED))


def limit_pages(store: SqliteJobStore) -> None:
    """Let a store be as large as it is, which SQLite treats as a full disk."""
    connection = store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")


def test_migrations_bring_an_old_database_up_and_keep_what_is_in_it(path: Path) -> None:
    store = SqliteJobStore(path)
    (job,) = add(store, 1)
    store.close()
    later = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT", "UPDATE jobs SET note = 'kept'"))
    with sqlite3.connect(path, isolation_level=None) as connection:
        migrate(connection, later)
        migrate(connection, later)
        assert connection.execute("SELECT id, note FROM jobs").fetchall() == [(job.id, "kept")]
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    connection.close()
    assert refusal(path).code == "database_too_new"


def test_a_migration_that_fails_has_done_nothing(path: Path) -> None:
    SqliteJobStore(path).close()
    broken = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT", "no SQL at all"))
    with sqlite3.connect(path, isolation_level=None) as connection:
        with pytest.raises(sqlite3.Error):
            migrate(connection, broken)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert "note" not in json.dumps(connection.execute("PRAGMA table_xinfo(jobs)").fetchall())
    connection.close()
    SqliteJobStore(path)
