"""The states of a job and the moves between them."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. The first five are alive; of the last four, `interrupted` may be queued once more."""

    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    DECODING = "decoding"
    ENCODING = "encoding"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


ENDED_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
# An engine has the job.
WORKING_STATES = frozenset({JobState.LOADING, JobState.RUNNING, JobState.DECODING, JobState.ENCODING})
# What can happen to a living job at any time, besides taking its next step.
_ENDINGS = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: _ENDINGS | {JobState.LOADING},
    JobState.LOADING: _ENDINGS | {JobState.RUNNING},
    JobState.RUNNING: _ENDINGS | {JobState.DECODING},
    JobState.DECODING: _ENDINGS | {JobState.ENCODING},
    # With several clips, the next one follows.
    JobState.ENCODING: _ENDINGS | {JobState.SUCCEEDED, JobState.RUNNING},
    JobState.INTERRUPTED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    **{state: frozenset() for state in ENDED_STATES},
}


class IllegalTransition(Exception):
    """A move that the state machine does not have: a mistake of the program, never of a request."""


def check_transition(old: JobState, new: JobState) -> None:
    """Raise IllegalTransition unless a job may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"a job cannot go from {old} to {new}")
