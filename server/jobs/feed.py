"""Changes of jobs as they happen: every change goes through here, and readers follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from server.jobs.job import Job
from server.jobs.store import JobStore


class JobFeed:
    """Writes jobs to the store and wakes those who follow them. Belongs to one event loop."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._changed: dict[str, asyncio.Event] = {}
        self._closed = False

    def add(self, job: Job) -> Job:
        """Store a new job."""
        self._store.add(job)
        return job

    def publish(self, job: Job) -> Job:
        """Store a job's next record and wake its followers. Raises StaleJob as the store does."""
        self._store.update(job)
        self._wake(job.id)
        return job

    async def follow(self, job_id: str, after: int | None = None) -> AsyncIterator[Job]:
        """Every record of a job with a sequence above `after`, as it comes; without `after` from the present one on.

        Ends when the job is finished and when the feed closes.
        """
        if after is None:
            job = self._store.get(job_id)
            after = job.sequence - 1 if job else 0
        while True:
            for job in self._store.records_after(job_id, after):
                after = job.sequence
                yield job
            latest = self._store.get(job_id)
            if self._closed or latest is None or (latest.finished and latest.sequence <= after):
                return
            # A slow reader may have been overtaken while it held the last record.
            if latest.sequence <= after:
                await self._changed.setdefault(job_id, asyncio.Event()).wait()

    def close(self) -> None:
        """End all readers, now and later ones."""
        self._closed = True
        for job_id in list(self._changed):
            self._wake(job_id)

    def _wake(self, job_id: str) -> None:
        changed = self._changed.pop(job_id, None)
        if changed is not None:
            changed.set()
