"""The states of a job and the moves between them."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. The first five are alive, the last four are final."""

    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    DECODING = "decoding"
    ENCODING = "encoding"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_terminal(self) -> bool:
        """True when the job never changes again."""
        return self in TERMINAL_STATES


TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED})
# What can happen to a living job at any time, besides taking its next step.
_ENDINGS = TERMINAL_STATES - {JobState.SUCCEEDED}

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: _ENDINGS | {JobState.LOADING},
    JobState.LOADING: _ENDINGS | {JobState.RUNNING},
    JobState.RUNNING: _ENDINGS | {JobState.DECODING},
    JobState.DECODING: _ENDINGS | {JobState.ENCODING},
    JobState.ENCODING: _ENDINGS | {JobState.SUCCEEDED},
    **{state: frozenset() for state in TERMINAL_STATES},
}


class IllegalTransition(Exception):
    """A move that the state machine does not have: a mistake of the program, never of a request."""


def check_transition(old: JobState, new: JobState) -> None:
    """Raise IllegalTransition unless a job may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"a job cannot go from {old} to {new}")
