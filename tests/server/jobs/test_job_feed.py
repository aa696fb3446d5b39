"""Following a job: nothing is lost, nothing comes twice, and the end is the end."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from server.jobs.feed import JobFeed
from server.jobs.job import Job
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import JobState
from tests.server.jobs.small_requests import REQUEST


def within_a_second(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 1))


def new_feed() -> tuple[JobFeed, Job]:
    feed = JobFeed(SqliteJobStore(None))
    return feed, feed.add(Job.create(REQUEST, queue_position=1))


async def sequences(feed: JobFeed, job_id: str, after: int | None = None) -> list[int]:
    return [record.sequence async for record in feed.follow(job_id, after)]


def test_a_follower_gets_the_present_state_and_all_that_follows() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        job = feed.publish(job.moved_to(JobState.LOADING))
        follower = asyncio.create_task(sequences(feed, job.id))
        await asyncio.sleep(0)
        job = feed.publish(job.moved_to(JobState.RUNNING))
        await asyncio.sleep(0)
        feed.publish(job.moved_to(JobState.CANCELLED))
        assert await follower == [2, 3, 4]

    within_a_second(scene())


def test_one_who_comes_back_gets_exactly_what_was_missed() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        for state in (JobState.LOADING, JobState.RUNNING, JobState.CANCELLED):
            job = feed.publish(job.moved_to(state))
        assert await sequences(feed, job.id, after=2) == [3, 4]
        assert await sequences(feed, job.id, after=4) == []
        assert await sequences(feed, job.id) == [4]

    within_a_second(scene())


def test_a_slow_reader_loses_nothing() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        seen = []
        async for record in feed.follow(job.id):
            seen.append(record.sequence)
            if record.sequence == 1:
                # Two changes happen while this reader is busy with the first record.
                job = feed.publish(job.moved_to(JobState.LOADING))
                feed.publish(job.moved_to(JobState.CANCELLED))
        assert seen == [1, 2, 3]

    within_a_second(scene())


def test_closing_ends_every_stream() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        followers = [asyncio.create_task(sequences(feed, job.id)) for _ in range(3)]
        await asyncio.sleep(0)
        feed.close()
        assert await asyncio.gather(*followers) == [[1], [1], [1]]
        assert await sequences(feed, job.id) == [1]

    within_a_second(scene())


def test_a_reader_that_knows_more_than_the_store_starts_anew() -> None:
    """A power cut may take records of progress that somebody has read."""

    async def scene() -> None:
        feed, job = new_feed()
        feed.publish(job.moved_to(JobState.CANCELLED))
        assert await sequences(feed, job.id, after=99) == [2]
        assert await sequences(feed, job.id, after=10**30) == [2]

    within_a_second(scene())


def test_of_an_old_job_the_last_record_is_left() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        for state in (JobState.LOADING, JobState.RUNNING, JobState.CANCELLED):
            job = feed.publish(job.moved_to(state))
        assert feed.store.prune_records(job.updated_at) == 0
        assert feed.store.prune_records(job.updated_at + timedelta(seconds=1)) == 3
        assert await sequences(feed, job.id, after=1) == [4]

    within_a_second(scene())


def test_a_reader_far_behind_gets_all_of_it() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        job = feed.publish(feed.publish(job.moved_to(JobState.LOADING)).moved_to(JobState.RUNNING))
        for step in range(200):
            job = feed.publish(job.at_step(1, step, None))
        feed.publish(job.moved_to(JobState.CANCELLED))
        assert await sequences(feed, job.id, after=0) == list(range(1, 205))

    within_a_second(scene())


def test_a_reader_of_a_removed_job_comes_to_its_end() -> None:
    async def scene() -> None:
        feed, job = new_feed()
        follower = asyncio.create_task(sequences(feed, job.id))
        await asyncio.sleep(0)
        feed.remove(job.id, [])
        assert await follower == [1]

    within_a_second(scene())
