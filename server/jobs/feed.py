"""Changes of jobs as they happen: every change goes through here, and readers follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from server.jobs.job import Job
from server.jobs.store import IdempotencyKey, JobStore


class JobFeed:
    """Writes jobs to the store and wakes those who follow them. Belongs to one event loop.

    A reader is only a number, the last sequence that it has seen: however slow it is, nothing piles up for it.
    """

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self._changed: dict[str, asyncio.Event] = {}
        self._closed = False

    def add(self, job: Job, key: IdempotencyKey | None = None) -> Job:
        """Store a new job, or return the one that `key` has made before. Raises IdempotencyConflict and StoreFailed."""
        return self.store.add(job, key)

    def publish(self, job: Job, durable: bool = True) -> Job:
        """Store a job's next record and wake its followers. Raises StaleJob and StoreFailed as the store does."""
        self.store.update(job, durable)
        self._wake(job.id)
        return job

    def change(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Store what `change` makes of a job as it is now, and wake its followers. Returns the job then.

        `change` may return the job itself when there is nothing to change. Raises KeyError when there is no such job,
        StoreFailed, and what `change` raises.
        """
        before = self.store.get(job_id)
        if before is None:
            raise KeyError(job_id)
        after = change(before)
        return after if after is before else self.publish(after, durable=not _is_progress(before, after))

    def claim(self) -> Job | None:
        """Take the first job from the queue; it is loading then. None when the queue is empty."""
        job = self.store.claim()
        if job is not None:
            self._wake(job.id)
            self.renumber_queue()
        return job

    def renumber_queue(self) -> None:
        """Give the jobs in the queue their positions."""
        for job_id in self.store.renumber_queue():
            self._wake(job_id)

    def remove(self, job_id: str, clip_names: Sequence[str]) -> None:
        """Remove a job; its followers come to their end."""
        self.store.remove(job_id, clip_names)
        self._wake(job_id)

    async def follow(self, job_id: str, after: int | None = None) -> AsyncIterator[Job]:
        """Every record of a job with a sequence above `after`, as it comes; without `after` from the present one on.

        Of a job that ended long ago only the last record may be left. Ends when the job is finished or removed, and
        when the feed closes.
        """
        latest = self.store.get(job_id)
        if latest is not None and (after is None or after > latest.sequence):
            # A reader can know more than the store: a power cut may take the last records of progress.
            after = latest.sequence - 1
        after = after or 0
        while True:
            while records := self.store.records_after(job_id, after):
                for job in records:
                    after = job.sequence
                    yield job
            latest = self.store.get(job_id)
            if self._closed or latest is None or (latest.finished and latest.sequence <= after):
                return
            # A slow reader may have been overtaken while it held the last record.
            if latest.sequence <= after:
                await self._changed.setdefault(job_id, asyncio.Event()).wait()

    async def removal(self, job_id: str) -> None:
        """Return when a job has been removed, or the feed closes."""
        while not self._closed and self.store.get(job_id) is not None:
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


def _is_progress(before: Job, after: Job) -> bool:
    """Whether a record tells only how far a job is, which the disk need not confirm: some 100 of them come with a clip.

    What it lacks after a power cut, the next attempt tells again.
    """
    return _lasting(before) == _lasting(after)


def _lasting(job: Job) -> tuple[object, ...]:
    return job.state, job.attempt, job.pinned, job.cancel_requested, job.clips, job.warnings, job.error
