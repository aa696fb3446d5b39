"""Where jobs are kept: what the rest of the server needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server.jobs.errors import Conflict
from server.jobs.job import Job
from server.jobs.states import JobState


@dataclass(frozen=True)
class IdempotencyKey:
    """What tells a repeated call from a new one: the client's `key` and a hash of the body that came with it."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class Removal:
    """A job whose record is gone and whose clip folders (their names) still have to go."""

    job_id: str
    clip_names: tuple[str, ...]


class IdempotencyConflict(Conflict):
    """The key came before with another body."""

    def __init__(self) -> None:
        message = "This Idempotency-Key was used for another request; send a new key with a new request."
        super().__init__("idempotency_conflict", message)


class StaleJob(Exception):
    """A record that does not follow the stored one: somebody else has changed the job meanwhile."""


class StoreFailed(Exception):
    """The store cannot be read or written now.

    `code` is `disk_full`, `database_busy` when another program holds the file, or `database_failed`; `sentence` says
    what to do.
    """

    def __init__(self, message: str, code: str = "database_failed", sentence: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.sentence = sentence or "The server's job database cannot be used; its log has the details."

    @property
    def is_full(self) -> bool:
        """Whether the disk is full."""
        return self.code == "disk_full"


class JobStore(Protocol):
    """Keeps every job with its past records. All methods raise StoreFailed.

    Where the file cannot be written, changes of jobs are kept in memory, and are written as soon as that is possible.
    Only `add` and `claim` fail then: they promise something that must not be forgotten.
    """

    @property
    def trouble(self) -> StoreFailed | None:
        """Why the file cannot be written at present, or None."""

    def write_back(self) -> bool:
        """Write what is only in memory so far. Returns whether all is in the file now; to be tried every so often."""

    def add(self, job: Job, key: IdempotencyKey | None = None) -> Job:
        """Store a new job, or return the one that `key` has made before. Raises IdempotencyConflict."""

    def find_by_key(self, key: IdempotencyKey) -> Job | None:
        """The job that `key` has made. Raises IdempotencyConflict when it came with another body."""

    def update(self, job: Job, durable: bool = True) -> None:
        """Store the next record of a job. Raises StaleJob unless its sequence follows the stored one.

        What is not durable may be lost in a power cut, though not when the process dies.
        """

    def claim(self) -> Job | None:
        """Move the first job in the queue to loading, for the caller and nobody else; None when the queue is empty."""

    def renumber_queue(self) -> list[str]:
        """Give the jobs in the queue their positions. Returns the ids of those whose position has changed."""

    def get(self, job_id: str) -> Job | None:
        """The latest record of a job, or None."""

    def records_after(self, job_id: str, sequence: int, limit: int = 64) -> list[Job]:
        """The first `limit` records of a job with a higher sequence number, oldest first.

        Of a job that ended long ago only the last one may be left.
        """

    def newest_first(
        self, limit: int | None = None, before: str | None = None, state: JobState | None = None
    ) -> list[Job]:
        """Jobs, the newest first; only those that came before the job `before`, or are in `state`."""

    def queued(self, limit: int | None = None) -> list[Job]:
        """The jobs that wait, in the order in which they will run; the first `limit` of them."""

    def unfinished(self) -> list[Job]:
        """The jobs to which something will happen yet, oldest first."""

    def finished(self) -> list[Job]:
        """The jobs to which nothing will happen any more, oldest first."""

    def unreadable(self) -> list[str]:
        """The ids of the jobs that this version cannot read. No other method finds them."""

    def count_by_state(self) -> dict[JobState, int]:
        """How many jobs there are in each state that has any."""

    def prune_records(self, ended_before: datetime) -> int:
        """Drop all but the last record of every job that finished before that time. Returns how many were dropped."""

    def remove(self, job_id: str, clip_names: Sequence[str]) -> None:
        """Remove a job with its records and its key, and note that the clips of these names have to go."""

    def removals(self) -> list[Removal]:
        """The removals of which files may be left."""

    def removal_done(self, job_id: str) -> None:
        """The files of a removed job are gone."""

    def close(self) -> None:
        """Let go of the files."""
