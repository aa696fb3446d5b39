"""Why something cannot be done: a stable code and a sentence that says what to change."""

from __future__ import annotations


class Refusal(Exception):
    """A call that is refused: a stable `code`, a `message` that says what to do, and the request's `field`."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class RequestError(Refusal):
    """A request that cannot be run as it is, now or later."""


class Conflict(Refusal):
    """A call that what is there stands against: `idempotency_conflict`, `not_finished`, `pinned` or `in_use`."""


class NotAdmitted(Refusal):
    """A request that would be taken another time: `queue_full`, `disk_low` or a code of StoreFailed.

    It can be tried again after `retry_after` seconds.
    """

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class DatabaseError(Exception):
    """The job database cannot be used: a stable `code`, and a message that says what to do.

    `is_full` when that is for lack of room on the disk.
    """

    def __init__(self, code: str, message: str, is_full: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_full = is_full
