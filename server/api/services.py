"""What the routes work with, put together once when the server starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.api.metrics import JobMetrics, ObservedFeed
from server.api.models import ModelStates
from server.exports.exports import Exports
from server.jobs.admission import Admission, AdmissionLimits, free_bytes_of
from server.jobs.clip_files import ClipFiles
from server.jobs.clock import SystemClock
from server.jobs.folders import DataFolders
from server.jobs.recovery import check_finished, recover
from server.jobs.reserve import Reserve
from server.jobs.retention import Retention, RetentionLimits
from server.jobs.scheduler import Scheduler
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.store import StoreFailed
from server.jobs.style_loras import StyleLoras
from server.jobs.tasks import TaskMaker
from server.media.uploads import UploadFolder
from server.models import ModelRegistry
from server.models.licences import Acceptances
from server.settings import Settings
from server.workers.engine import Engine

log = logging.getLogger(__name__)

_GB = 10**9
# The worker is asked to end, and killed when it does not; this is longer than either takes.
_STOP_SECONDS = 3.0
_WRITE_BACK_SECONDS = 2.0


@dataclass
class Services:
    """The parts of a running server."""

    settings: Settings
    folders: DataFolders
    models: ModelStates
    store: SqliteJobStore
    feed: ObservedFeed
    files: ClipFiles
    uploads: UploadFolder
    style_loras: StyleLoras
    admission: Admission
    engines: Sequence[Engine]
    scheduler: Scheduler
    retention: Retention
    exports: Exports
    stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    def build(
        cls, settings: Settings, folders: DataFolders, models: ModelRegistry, engines: Sequence[Engine]
    ) -> Services:
        """Put a server together around its engines, and its data folder in order.

        Raises DatabaseError, StoreFailed and OSError.
        """
        clock = SystemClock()
        uploads = UploadFolder(folders.root / "uploads")
        uploads.open()
        style_loras = StyleLoras(folders.style_loras)
        limits = AdmissionLimits(settings.max_queue, settings.max_clip_pixels, round(settings.disk_floor_gb * _GB))
        admission = Admission(limits, free_bytes_of(folders.root))
        store = SqliteJobStore(folders.database, reserve=Reserve(folders.reserve))
        feed = ObservedFeed(store, JobMetrics())
        files = ClipFiles(folders)
        recover(feed, files, clock.now())
        scheduler = Scheduler(
            feed,
            engines,
            TaskMaker(models, folders, uploads, style_loras),
            files,
            admission,
            clock=clock,
            cancel_grace=settings.cancel_grace,
            idle_unload=settings.idle_unload,
        )
        keep = RetentionLimits(settings.keep_days, round(settings.keep_gb * _GB))
        return cls(
            settings=settings,
            folders=folders,
            models=ModelStates(models, folders, Acceptances.load(folders.root / "licences.json")),
            store=store,
            feed=feed,
            files=files,
            uploads=uploads,
            style_loras=style_loras,
            admission=admission,
            engines=engines,
            scheduler=scheduler,
            retention=Retention(feed, files, uploads, keep, clock),
            exports=Exports(),
        )

    def start(self) -> None:
        """Begin to work on the jobs."""
        self.scheduler.start()
        self._tasks = [
            asyncio.create_task(self.retention.run(), name="retention"),
            asyncio.create_task(self._check_files(), name="check-files"),
            asyncio.create_task(self._write_back(), name="write-back"),
        ]

    async def stop(self) -> None:
        """Interrupt the jobs at work, and end the workers, exports and event streams, within a few seconds."""
        self.stopping = True
        for task in self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(self.scheduler.stop(), self.exports.stop())
        except TimeoutError:
            # The next start finds the jobs that were at work and puts them in order.
            log.error("the workers did not stop in time; killing them")
            for engine in self.engines:
                engine.kill()
        self.feed.close()

    async def _check_files(self) -> None:
        try:
            await check_finished(self.feed, self.files)
        except StoreFailed:
            log.exception("it is not known whether all clips have their files")

    async def _write_back(self) -> None:
        """Write what the job database could not take, as soon as it can, and keep its reserve."""
        while True:
            await asyncio.sleep(_WRITE_BACK_SECONDS)
            try:
                self.store.write_back()
            except Exception:
                log.exception("the job database could not be looked after")

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()
