"""Puts the jobs and their files in order when the server starts, whatever the last one died of."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from server.jobs.clip_files import ClipFiles
from server.jobs.feed import JobFeed
from server.jobs.job import Job, JobError
from server.jobs.settling import requeue, settle_after_stop
from server.jobs.states import WORKING_STATES, JobState

log = logging.getLogger(__name__)

# Whoever follows a job reads its end long before.
_KEEP_RECORDS = timedelta(days=1)
FILES_MISSING = JobError(
    code="files_missing",
    message="Files of this video have been removed from the server's disk; generate it again.",
)


def recover(feed: JobFeed, files: ClipFiles, now: datetime) -> None:
    """Bring every job into a state that is true. To be called before a worker starts. Raises OSError and StoreFailed.

    Queued jobs stay queued. Jobs that were at work get the clips that are complete on disk, are interrupted, and queued
    again when they have an attempt left. What has succeeded must have its files. Removals are finished.
    """
    finish_removals(feed, files)
    for job in feed.store.unfinished():
        if job.state in WORKING_STATES:
            job = settle_after_stop(feed, files, job.id)
        if job.state is JobState.INTERRUPTED and not job.finished:
            requeue(feed, job)
    finished = feed.store.finished()
    for job in finished:
        _check_files(feed, files, job)
    files.sweep(finished={job.id for job in finished})
    feed.renumber_queue()
    feed.store.prune_records(now - _KEEP_RECORDS)


def finish_removals(feed: JobFeed, files: ClipFiles) -> None:
    """Remove the files of removed jobs that are still there."""
    for removal in feed.store.removals():
        if files.remove(removal.job_id, removal.clip_names):
            feed.store.removal_done(removal.job_id)


def _check_files(feed: JobFeed, files: ClipFiles, job: Job) -> None:
    kept = tuple(clip for clip in job.clips if files.has(clip))
    if kept != job.clips:
        log.warning("job %s: %d of its clips are gone", job.id, len(job.clips) - len(kept))
        feed.publish(job.without_files(kept, FILES_MISSING))
