"""The life of a job: which moves there are, and that nothing moves an ended one."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.jobs.job import MAX_ATTEMPTS, Clip, Download, Job, JobError, Preview
from server.jobs.sqlite_store import SqliteJobStore
from server.jobs.states import ENDED_STATES, WORKING_STATES, IllegalTransition, JobState
from server.jobs.store import StaleJob
from tests.server.jobs.small_requests import REQUEST

ERROR = JobError(code="model_failed", message="It failed; try again.")
THE_ROAD = [JobState.LOADING, JobState.RUNNING, JobState.DECODING, JobState.ENCODING]
TWO_CLIPS = REQUEST.model_copy(update={"num_clips": 2})


def clip(index: int) -> Clip:
    return Clip(
        index=index,
        name=f"c{index}",
        sidecar="c.transpixar",
        seed=6 + index,
        frame_count=9,
        fps=8,
        width=64,
        height=64,
        folder=f"clips/c{index}",
    )


def travel(job: Job, *states: JobState) -> Job:
    for state in states:
        job = job.moved_to(state)
    return job


def test_the_road_of_a_job_that_succeeds() -> None:
    job = travel(Job.create(REQUEST, queue_position=1), *THE_ROAD).with_clip(clip(1)).succeeded()

    assert (job.state, job.clips, job.sequence, job.finished) == (JobState.SUCCEEDED, (clip(1),), 7, True)


def test_several_clips_are_made_one_after_the_other() -> None:
    job = travel(Job.create(TWO_CLIPS, queue_position=1), *THE_ROAD).with_clip(clip(1))
    with pytest.raises(IllegalTransition, match="1 of 2 clips"):
        job.succeeded()
    job = travel(job, *THE_ROAD[1:])
    with pytest.raises(IllegalTransition):
        job.with_clip(clip(1))
    assert job.with_clip(clip(2)).succeeded().clips == (clip(1), clip(2))


def test_an_interrupted_job_is_queued_once_more_with_its_clips() -> None:
    job = travel(Job.create(TWO_CLIPS, queue_position=1), *THE_ROAD).with_clip(clip(1)).moved_to(JobState.INTERRUPTED)
    assert not job.finished
    job = job.requeued(position=1)
    assert (job.state, job.attempt, job.clips, job.clip_index) == (JobState.QUEUED, 2, (clip(1),), 2)
    job = travel(job, JobState.LOADING, JobState.INTERRUPTED)
    assert job.finished
    with pytest.raises(IllegalTransition):
        job.requeued(position=1)


def test_a_clip_on_disk_is_the_job_s_wherever_its_reports_had_come() -> None:
    queued = Job.create(REQUEST, queue_position=1)
    with pytest.raises(IllegalTransition):
        queued.adopted(clip(1))
    for state in THE_ROAD:
        job = travel(queued, *THE_ROAD[: THE_ROAD.index(state) + 1])
        assert job.adopted(clip(1)).succeeded().clips == (clip(1),)


def test_what_has_lost_its_files_has_not_succeeded() -> None:
    job = travel(Job.create(REQUEST, queue_position=1), *THE_ROAD).with_clip(clip(1)).succeeded()
    lost = job.without_files((), ERROR)
    assert (lost.state, lost.clips, lost.error) == (JobState.FAILED, (), ERROR)


@pytest.mark.parametrize("ending", sorted(ENDED_STATES))
@pytest.mark.parametrize("wish", list(JobState))
def test_an_ended_job_never_changes(ending: JobState, wish: JobState) -> None:
    job = Job.create(REQUEST, queue_position=1).model_copy(update={"state": ending})
    with pytest.raises(IllegalTransition):
        job.moved_to(wish)


@pytest.mark.parametrize("skipped", [JobState.RUNNING, JobState.DECODING, JobState.ENCODING, JobState.SUCCEEDED])
def test_a_queued_job_cannot_skip_the_road(skipped: JobState) -> None:
    with pytest.raises(IllegalTransition):
        Job.create(REQUEST, queue_position=1).moved_to(skipped)


def test_a_store_refuses_a_record_that_does_not_follow() -> None:
    store = SqliteJobStore(None)
    job = Job.create(REQUEST, queue_position=1)
    store.add(job)
    store.update(job.moved_to(JobState.LOADING))
    with pytest.raises(StaleJob):
        store.update(job.moved_to(JobState.CANCELLED))


class JobLife(RuleBasedStateMachine):
    """Anything may be tried with a job at any time; the store keeps what was possible."""

    @initialize()
    def create(self) -> None:
        self.store = SqliteJobStore(None)
        self.job = Job.create(TWO_CLIPS, queue_position=2)
        self.store.add(self.job)

    @rule(
        change=st.one_of(
            st.tuples(st.just("moved_to"), st.sampled_from(JobState)),
            st.tuples(st.just("moved_to"), st.sampled_from(THE_ROAD)),
            st.tuples(st.just("at_step"), st.integers(1, 2), st.integers(0, 20), st.just(1.5)),
            st.tuples(st.just("with_preview"), st.just(Preview(clip=1, step=3))),
            st.tuples(st.just("downloading"), st.just(Download(bytes_done=1, bytes_total=2))),
            st.tuples(st.just("warned"), st.sampled_from(["Cut.", "Long."])),
            st.tuples(st.just("at_queue_position"), st.integers(1, 9)),
            st.tuples(st.sampled_from(["with_clip", "adopted"]), st.builds(clip, st.integers(1, 3))),
            st.tuples(st.just("pinned_as"), st.booleans()),
            st.tuples(st.just("requeued"), st.just(1)),
            st.tuples(st.sampled_from(["succeeded", "cancelling"])),
            st.tuples(st.just("failed"), st.just(ERROR)),
        )
    )
    def try_to_change(self, change: tuple[Any, ...]) -> None:
        before = self.job
        try:
            self.job = getattr(before, change[0])(*change[1:])
        except IllegalTransition:
            assert self.job == before
            return
        if self.job is not before:
            assert not before.finished or change[0] in ("pinned_as", "warned")
            assert self.job.sequence == before.sequence + 1
            self.store.update(self.job)

    @invariant()
    def the_history_is_whole(self) -> None:
        records = self.store.records_after(self.job.id, 0, limit=1000)
        assert [record.sequence for record in records] == list(range(1, self.job.sequence + 1))
        assert self.store.get(self.job.id) == records[-1] == self.job
        assert len({record.state for record in records if record.finished}) <= 1

    @invariant()
    def what_belongs_to_a_state_is_only_there(self) -> None:
        assert (self.job.queue_position is not None) == (self.job.state is JobState.QUEUED)
        assert (self.job.download is not None) <= (self.job.state is JobState.LOADING)
        assert (self.job.error is not None) <= (self.job.state is JobState.FAILED)
        assert (self.job.state is JobState.SUCCEEDED) <= (len(self.job.clips) == 2)
        assert [made.index for made in self.job.clips] == list(range(1, len(self.job.clips) + 1))
        assert self.job.attempt <= MAX_ATTEMPTS
        assert (self.job in self.store.queued()) == (self.job.state is JobState.QUEUED)
        assert (self.job in self.store.finished()) == self.job.finished
        assert (self.job.state in WORKING_STATES) <= (self.job in self.store.unfinished())


TestJobLife = JobLife.TestCase
