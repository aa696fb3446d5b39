"""Waiting for a server that is out of reach, busy, or not what it should be."""

import math
import threading
from collections.abc import Callable
from typing import TypeVar

from .backoff import Backoff
from .errors import (
    DisconnectedError,
    NotATransPixarServerError,
    ServerBusyError,
    ServerNotRunningError,
    ServerRefusedError,
    ServerVersionError,
    TransPixarError,
)
from .protocol import Message, Reconnecting

# A server that is restarted by hand is back within this time.
PATIENCE_S = 120.0
# Whatever the server asks for, a wish is looked after this often.
_LONGEST_ASKED_S = 60.0
_TOKEN_CODES = ("token_missing", "token_wrong")
_Answer = TypeVar("_Answer")


class CancelledByArtist(Exception):
    """Unwinds an errand that was cancelled."""


class LeftAlone(Exception):
    """Unwinds an errand whose courier ends."""


class ServerWait:
    """Decides whether to wait, for how long, and says so.

    A `patient` errand outlasts everything that somebody can mend at the server without touching the wish; any other
    only what passes by itself within `patience_s`, and before its job was `accepted` not even silence. `cancelled` and
    `left` end every wait at once.
    """

    def __init__(
        self,
        tag: int,
        server: str,
        emit: Callable[[Message], None],
        patient: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.cancelled = threading.Event()
        self.left = threading.Event()
        self.accepted = False
        self._tag = tag
        self._server = server
        self._emit = emit
        self._patient = patient
        self._patience_s = patience_s
        self._backoff = Backoff(patience_s)
        self._out_of_reach = False
        self._woken = _Either(self.cancelled, self.left)

    def until_answered(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask until there is an answer; raises what waiting does not mend."""
        while True:
            self.stop_if_ended()
            try:
                answer = ask()
            except TransPixarError as error:
                if not self.passes(error):
                    raise
                self.before_asking_again(error)
            else:
                self.answered()
                return answer

    def answered(self) -> bool:
        """The server is there; whether that is news."""
        self._backoff.succeeded()
        was_out_of_reach, self._out_of_reach = self._out_of_reach, False
        return was_out_of_reach

    def before_asking_again(self, error: TransPixarError) -> None:
        """Wait after a failure. Raises it, or DisconnectedError, when patience is at its end."""
        self.stop_if_ended()
        delay = self._backoff.next_delay(math.inf if self._patient and self.passes(error) else self._patience_s)
        if delay is None:
            raise self._given_up(error) from error
        if isinstance(error, ServerBusyError) and error.retry_after is not None:
            delay = max(delay, min(error.retry_after, _LONGEST_ASKED_S))
        self._out_of_reach = True
        self._emit(Reconnecting(self._tag, delay, error.message))
        self._woken.wait(delay)
        self.stop_if_ended()

    def pause(self) -> None:
        """Wait in silence, after the errand was cancelled."""
        self.left.wait(self._backoff.next_delay(math.inf))

    def stop_if_ended(self) -> None:
        """Raises CancelledByArtist or LeftAlone when the errand is to end."""
        if self.left.is_set():
            raise LeftAlone
        if self.cancelled.is_set():
            raise CancelledByArtist

    def passes(self, error: TransPixarError) -> bool:
        """Whether this is worth waiting for."""
        if isinstance(error, ServerBusyError):
            return True
        if isinstance(error, ServerNotRunningError):
            return self._patient or self.accepted
        if isinstance(error, (NotATransPixarServerError, ServerVersionError)):
            return self._patient
        return self._patient and isinstance(error, ServerRefusedError) and error.code in _TOKEN_CODES

    def _given_up(self, error: TransPixarError) -> TransPixarError:
        if not isinstance(error, ServerNotRunningError):
            return error
        return DisconnectedError(
            f"The server at {self._server} stopped answering while the clip was being made. "
            "Start it with `python -m server` and generate the clip again."
        )


class _Either:
    """Waits for one of two events."""

    # An event wakes only who waits for itself; a look ten times a second costs nothing.
    _GLANCE_S = 0.1

    def __init__(self, first: threading.Event, second: threading.Event) -> None:
        self._first = first
        self._second = second

    def wait(self, seconds: float) -> None:
        while seconds > 0 and not self._second.is_set() and not self._first.wait(min(seconds, self._GLANCE_S)):
            seconds -= self._GLANCE_S
