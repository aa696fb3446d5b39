"""What becomes of a job at work whose worker is gone: the server was stopped, or it died, or its worker did."""

from __future__ import annotations

import logging

from server.jobs.clip_files import ClipFiles
from server.jobs.feed import JobFeed
from server.jobs.job import MAX_ATTEMPTS, Job, JobError
from server.jobs.states import WORKING_STATES, JobState

log = logging.getLogger(__name__)

WORKER_DIED = JobError(
    code="worker_died",
    message=(
        "The process that makes clips ended in the middle of this one, twice. Use a smaller size or fewer frames, or "
        "see the server's log."
    ),
)


def settle_after_stop(feed: JobFeed, files: ClipFiles, job_id: str) -> Job:
    """End a job that a stopped server had at work, or interrupt it. Returns the job then."""
    job = _adopt_clips(feed, files, job_id)
    if job.state in WORKING_STATES:
        end = JobState.CANCELLED if job.cancel_requested else JobState.INTERRUPTED
        job = feed.publish(job.moved_to(end))
        log.info("job %s: %s", job.id, job.state)
    return job


def settle_after_death(feed: JobFeed, files: ClipFiles, job_id: str) -> Job:
    """End a job whose worker has died, or put it into the queue once more. Returns the job then."""
    job = _adopt_clips(feed, files, job_id)
    if job.state not in WORKING_STATES:
        return job
    if job.cancel_requested:
        # Nothing works on the job any more: that is what the cancel asked for.
        return feed.publish(job.moved_to(JobState.CANCELLED))
    if job.attempt >= MAX_ATTEMPTS:
        return feed.publish(job.failed(WORKER_DIED))
    return requeue(feed, feed.publish(job.moved_to(JobState.INTERRUPTED)))


def requeue(feed: JobFeed, job: Job) -> Job:
    """Put an interrupted job into the queue once more, where it stood before: in the order of arrival."""
    job = feed.publish(job.requeued(position=1))
    log.info("job %s: queued again, attempt %d", job.id, job.attempt)
    feed.renumber_queue()
    return job


def _adopt_clips(feed: JobFeed, files: ClipFiles, job_id: str) -> Job:
    """Add the clips that were complete before the worker could say so; with all of them the job has succeeded."""
    job = feed.store.get(job_id)
    if job is None:
        raise KeyError(job_id)
    while job.state in WORKING_STATES and (clip := files.unreported(job)) is not None:
        job = feed.publish(job.adopted(clip))
        log.info("job %s: clip %d was complete", job.id, clip.index)
    if job.state is JobState.ENCODING and len(job.clips) == job.request.num_clips:
        job = feed.publish(job.succeeded())
    return job
