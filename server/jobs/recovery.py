"""Puts the jobs and their files in order when the server starts, whatever the last one died of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime
from functools import partial

from server.jobs.clip_files import ClipFiles
from server.jobs.feed import JobFeed
from server.jobs.job import Job, JobError
from server.jobs.removal import prune_records
from server.jobs.settling import requeue, settle_after_stop
from server.jobs.states import WORKING_STATES, JobState

log = logging.getLogger(__name__)

FILES_MISSING = JobError(
    code="files_missing",
    message="Files of this video have been removed from the server's disk; generate it again.",
)


def recover(feed: JobFeed, files: ClipFiles, now: datetime) -> None:
    """Bring every job into a state that is true. To be called before a worker starts. Raises OSError and StoreFailed.

    Queued jobs stay queued. Jobs that were at work get the clips that are complete on disk, are interrupted, and queued
    again when they have an attempt left. Removals are finished. The files of what has succeeded are looked at later, by
    `check_finished`.
    """
    finish_removals(feed, files)
    for job in feed.store.unfinished():
        if job.state in WORKING_STATES:
            job = settle_after_stop(feed, files, job.id)
        if job.state is JobState.INTERRUPTED and not job.finished:
            requeue(feed, job)
    files.sweep(kept={*(job.id for job in feed.store.finished()), *feed.store.unreadable()})
    feed.renumber_queue()
    prune_records(feed, now)


async def check_finished(feed: JobFeed, files: ClipFiles) -> None:
    """Let no job say that it has clips whose files are gone. Raises StoreFailed.

    To be called when the server runs: a library of a thousand clips has some 50,000 files.
    """
    for job in feed.store.finished():
        missing = await asyncio.to_thread(_missing, files, job)
        if missing:
            log.warning("job %s: %d of its clips are gone", job.id, len(missing))
            # Somebody may have removed it meanwhile.
            with contextlib.suppress(KeyError):
                feed.change(job.id, partial(_without, missing=missing))


def finish_removals(feed: JobFeed, files: ClipFiles) -> None:
    """Remove the files of removed jobs that are still there."""
    for removal in feed.store.removals():
        if files.remove(removal.job_id, removal.clip_names):
            feed.store.removal_done(removal.job_id)


def _missing(files: ClipFiles, job: Job) -> set[str]:
    return {clip.name for clip in job.clips if not files.has(clip)}


def _without(job: Job, missing: set[str]) -> Job:
    return job.without_files(tuple(clip for clip in job.clips if clip.name not in missing), FILES_MISSING)
