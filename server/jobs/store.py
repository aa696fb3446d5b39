"""Where jobs are kept. The interface is narrow, so that a durable store can take the place of this one."""

from __future__ import annotations

from typing import Protocol

from server.jobs.job import Job
from server.jobs.states import JobState


class JobStore(Protocol):
    """Keeps every job with all its past records."""

    def add(self, job: Job) -> None:
        """Store a new job."""

    def update(self, job: Job) -> None:
        """Store the next record of a job. Raises StaleJob unless its sequence follows the stored one."""

    def get(self, job_id: str) -> Job | None:
        """The latest record of a job, or None."""

    def records_after(self, job_id: str, sequence: int) -> list[Job]:
        """The records of a job with a higher sequence number, oldest first."""

    def newest_first(self) -> list[Job]:
        """All jobs, the newest first."""

    def queued(self) -> list[Job]:
        """The jobs that wait, in the order in which they will run."""


class StaleJob(Exception):
    """A record that does not follow the stored one: somebody else has changed the job meanwhile."""


class MemoryJobStore:
    """A JobStore that lives as long as the process. Not for use from several threads."""

    def __init__(self) -> None:
        # A job has few records (one a step and one a phase) that share their request, so all of them are kept:
        # a reader of events is then only a position in this list, however slow it is.
        self._records: dict[str, list[Job]] = {}

    def add(self, job: Job) -> None:
        """Store a new job."""
        self._records[job.id] = [job]

    def update(self, job: Job) -> None:
        """Store the next record of a job. Raises StaleJob unless its sequence follows the stored one."""
        records = self._records[job.id]
        if job.sequence != records[-1].sequence + 1:
            raise StaleJob(f"record {job.sequence} of job {job.id} does not follow {records[-1].sequence}")
        records.append(job)

    def get(self, job_id: str) -> Job | None:
        """The latest record of a job, or None."""
        records = self._records.get(job_id)
        return records[-1] if records else None

    def records_after(self, job_id: str, sequence: int) -> list[Job]:
        """The records of a job with a higher sequence number, oldest first."""
        # Sequences start at 1 and have no gaps, so record n stands at index n - 1.
        return self._records.get(job_id, [])[max(sequence, 0) :]

    def newest_first(self) -> list[Job]:
        """All jobs, the newest first."""
        return [records[-1] for records in reversed(self._records.values())]

    def queued(self) -> list[Job]:
        """The jobs that wait, in the order in which they will run."""
        return [records[-1] for records in self._records.values() if records[-1].state is JobState.QUEUED]
