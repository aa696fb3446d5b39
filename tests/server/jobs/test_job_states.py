"""The life of a job: which moves there are, and that nothing moves an ended one."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.jobs.job import Clip, Job, JobError
from server.jobs.states import TERMINAL_STATES, IllegalTransition, JobState
from server.jobs.store import MemoryJobStore, StaleJob
from tests.server.jobs.small_requests import REQUEST

CLIP = Clip(name="c", sidecar="c.transpixar", frame_count=9, fps=8, width=64, height=64, folder="clips/c")
ERROR = JobError(code="model_failed", message="It failed; try again.")
THE_ROAD = [JobState.LOADING, JobState.RUNNING, JobState.DECODING, JobState.ENCODING]


def test_the_road_of_a_job_that_succeeds() -> None:
    job = Job.create(REQUEST, queue_position=1)
    for state in THE_ROAD:
        job = job.moved_to(state)
    job = job.succeeded(CLIP)

    assert (job.state, job.clip, job.sequence) == (JobState.SUCCEEDED, CLIP, 6)


@pytest.mark.parametrize("ending", sorted(TERMINAL_STATES))
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
    store = MemoryJobStore()
    job = Job.create(REQUEST, queue_position=1)
    store.add(job)
    store.update(job.moved_to(JobState.LOADING))
    with pytest.raises(StaleJob):
        store.update(job.moved_to(JobState.CANCELLED))


class JobLife(RuleBasedStateMachine):
    """Anything may be tried with a job at any time; the store keeps what was possible."""

    @initialize()
    def create(self) -> None:
        self.store = MemoryJobStore()
        self.job = Job.create(REQUEST, queue_position=2)
        self.store.add(self.job)

    @rule(
        change=st.one_of(
            st.tuples(st.just("moved_to"), st.sampled_from(JobState)),
            st.tuples(st.just("moved_to"), st.sampled_from(THE_ROAD)),
            st.tuples(st.just("at_step"), st.integers(0, 20)),
            st.tuples(st.just("with_preview"), st.integers(1, 20)),
            st.tuples(st.just("at_queue_position"), st.integers(1, 9)),
            st.tuples(st.just("succeeded"), st.just(CLIP)),
            st.tuples(st.just("failed"), st.just(ERROR)),
        )
    )
    def try_to_change(self, change: tuple[str, Any]) -> None:
        before = self.job
        try:
            self.job = getattr(self.job, change[0])(change[1])
        except IllegalTransition:
            assert self.job == before
        else:
            assert not before.state.is_terminal
            assert self.job.sequence == before.sequence + 1
            self.store.update(self.job)

    @invariant()
    def the_history_is_whole(self) -> None:
        records = self.store.records_after(self.job.id, 0)
        assert [record.sequence for record in records] == list(range(1, self.job.sequence + 1))
        assert self.store.get(self.job.id) == self.job
        assert sum(record.state.is_terminal for record in records) == self.job.state.is_terminal

    @invariant()
    def what_belongs_to_a_state_is_only_there(self) -> None:
        assert (self.job.queue_position is not None) == (self.job.state is JobState.QUEUED)
        assert (self.job.clip is not None) <= (self.job.state is JobState.SUCCEEDED)
        assert (self.job.error is not None) <= (self.job.state is JobState.FAILED)


TestJobLife = JobLife.TestCase
