"""Following a job: nothing is lost, nothing comes twice, and the end is the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from server.jobs.feed import JobFeed
from server.jobs.job import Job
from server.jobs.states import JobState
from server.jobs.store import MemoryJobStore
from tests.server.jobs.small_requests import REQUEST


def within_a_second(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 1))


def new_feed() -> tuple[JobFeed, Job]:
    feed = JobFeed(MemoryJobStore())
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
        for state in (JobState.LOADING, JobState.RUNNING, JobState.FAILED):
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
