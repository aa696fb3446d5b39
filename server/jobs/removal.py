"""Removes jobs and uploads, records and files together.

A job's record goes first, in one step with a note of the files that have to follow; whatever happens then, the next
start finishes it. So there is never a record that shows a clip which is half gone.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from server.jobs.clip_files import ClipFiles
from server.jobs.errors import Conflict
from server.jobs.feed import JobFeed
from server.jobs.uploads import UploadStore

log = logging.getLogger(__name__)

# Whoever follows a job reads its end long before.
_KEEP_RECORDS = timedelta(days=1)


def prune_records(feed: JobFeed, now: datetime) -> None:
    """Drop the records of progress of jobs that ended long ago; the last one of each stays. Raises StoreFailed."""
    feed.store.prune_records(now - _KEEP_RECORDS)


async def remove_job(feed: JobFeed, files: ClipFiles, job_id: str) -> None:
    """Remove a finished job and its clips.

    Raises KeyError when there is no such job, and Conflict (`not_finished`, `pinned`) when it has to stay.
    """
    job = feed.store.get(job_id)
    if job is None:
        raise KeyError(job_id)
    if not job.finished:
        raise Conflict("not_finished", f"This video is not finished yet ({job.state}); cancel it first.")
    if job.pinned:
        raise Conflict("pinned", "This video is pinned; unpin it first.")
    names = tuple(clip.name for clip in job.clips)
    feed.remove(job_id, names)
    log.info("job %s: removed", job_id)
    if await asyncio.to_thread(files.remove, job_id, names):
        feed.store.removal_done(job_id)


def remove_upload(feed: JobFeed, uploads: UploadStore, upload_id: str) -> None:
    """Remove an upload. Raises KeyError when there is none, Conflict (`in_use`) when a job needs it, and OSError."""
    if uploads.get(upload_id) is None:
        raise KeyError(upload_id)
    if upload_id in uploads_in_use(feed):
        raise Conflict("in_use", "A video that is not finished yet needs this file; cancel that video first.")
    uploads.remove(upload_id)


def uploads_in_use(feed: JobFeed) -> set[str]:
    """The ids of the uploads that unfinished jobs need."""
    requests = [job.request for job in feed.store.unfinished()]
    return {upload for request in requests for upload in (request.first_frame, request.footage) if upload is not None}
