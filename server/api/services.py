"""What the routes work with, put together once when the server starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from server.jobs.feed import JobFeed
from server.jobs.folders import DataFolders
from server.jobs.job import Job
from server.jobs.scheduler import Scheduler
from server.jobs.store import JobStore, MemoryJobStore
from server.models import ModelRegistry
from server.workers.engine import Engine
from server.workers.messages import Generate


@dataclass(frozen=True)
class Services:
    """The parts of a running server."""

    models: ModelRegistry
    folders: DataFolders
    store: JobStore
    feed: JobFeed
    engine: Engine
    scheduler: Scheduler

    @classmethod
    def build(cls, models: ModelRegistry, folders: DataFolders, engine: Engine, cancel_grace: float) -> Services:
        """Put a server together around an engine."""
        store = MemoryJobStore()
        feed = JobFeed(store)

        def make_task(job: Job) -> Generate:
            return Generate(
                job=job.id,
                request=job.request,
                model_folder=models.folder(job.request.model),
                hub_folder=folders.root / "hub",
                clips_folder=folders.clips,
                preview_file=folders.preview(job.id),
            )

        scheduler = Scheduler(store, feed, engine, make_task, folders.remove_partial_clip, cancel_grace)
        return cls(models, folders, store, feed, engine, scheduler)

    async def stop(self) -> None:
        """End the job at work, the worker and the event streams, and remove temporary files."""
        await self.scheduler.stop()
        self.feed.close()
        await asyncio.to_thread(self._remove_temporary_files)

    def _remove_temporary_files(self) -> None:
        for job in self.store.newest_first():
            self.folders.remove_job(job.id)
