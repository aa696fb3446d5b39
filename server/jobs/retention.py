"""Removes old jobs and uploads, so that the disk does not fill up: off unless a limit is set.

The records of how far a job was, some hundred a clip, go in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from server.jobs.clip_files import ClipFiles
from server.jobs.clock import Clock
from server.jobs.errors import Conflict
from server.jobs.feed import JobFeed
from server.jobs.job import Job
from server.jobs.recovery import finish_removals
from server.jobs.removal import prune_records, remove_job, uploads_in_use
from server.jobs.uploads import UploadStore

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 600.0


@dataclass(frozen=True)
class RetentionLimits:
    """How long finished jobs and uploads are kept, and how many bytes all clips together may take. 0 is no limit."""

    keep_days: float = 0
    keep_bytes: int = 0


class Retention:
    """Removes what is over the limits: never a pinned or unfinished job, nor an upload that one of these needs."""

    def __init__(
        self, feed: JobFeed, files: ClipFiles, uploads: UploadStore, limits: RetentionLimits, clock: Clock
    ) -> None:
        self._feed = feed
        self._files = files
        self._uploads = uploads
        self._limits = limits
        self._clock = clock

    async def run(self) -> None:
        """Remove what is over the limits, now and every few minutes, until this is cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("old videos could not be removed")
            await self._clock.sleep(_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove what is over the limits, and what an earlier removal had to leave. Raises OSError and StoreFailed."""
        finish_removals(self._feed, self._files)
        prune_records(self._feed, self._clock.now())
        for job_id in [*self._too_old(), *await self._too_many()]:
            # Whoever has pinned or removed it meanwhile comes first.
            with contextlib.suppress(Conflict, KeyError):
                await remove_job(self._feed, self._files, job_id)
        self._remove_old_uploads()

    def _too_old(self) -> list[str]:
        if not self._limits.keep_days:
            return []
        oldest = self._clock.now() - timedelta(days=self._limits.keep_days)
        return [job.id for job in self._removable() if job.updated_at < oldest]

    async def _too_many(self) -> list[str]:
        """The oldest jobs without which the rest would be within the limit on size."""
        if not self._limits.keep_bytes:
            return []
        jobs = self._feed.store.newest_first()
        sizes = await asyncio.to_thread(lambda: {job.id: self._files.size(job) for job in jobs if job.clips})
        excess = sum(sizes.values()) - self._limits.keep_bytes
        doomed = []
        for job in self._removable():
            if excess <= 0:
                break
            if sizes.get(job.id):
                doomed.append(job.id)
                excess -= sizes[job.id]
        return doomed

    def _removable(self) -> list[Job]:
        return [job for job in self._feed.store.finished() if not job.pinned]

    def _remove_old_uploads(self) -> None:
        if not self._limits.keep_days:
            return
        oldest = self._clock.now() - timedelta(days=self._limits.keep_days)
        needed = uploads_in_use(self._feed)
        for upload in list(self._uploads.all()):
            if upload.stored_at < oldest and upload.id not in needed:
                self._uploads.remove(upload.id)
