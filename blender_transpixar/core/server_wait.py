"""Waiting for a server that is out of reach, busy, or not what it should be."""

import math
import threading
import time
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
_GLANCE_S = 0.1
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
        self.server = server
        self._tag = tag
        self._emit = emit
        self._patient = patient
        self._patience_s = patience_s
        self._backoff = Backoff(patience_s)
        self._out_of_reach = False
        self._moved = threading.Event()

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
        self._sleep(delay)
        self.stop_if_ended()

    def ask_now(self) -> None:
        """End the present wait; called from another thread when something has changed."""
        self._moved.set()

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

    def _sleep(self, seconds: float) -> None:
        # One event wakes nobody who waits for another; a look ten times a second costs nothing.
        woken_by = (self.cancelled, self.left, self._moved)
        while seconds > 0 and not any(event.is_set() for event in woken_by):
            time.sleep(min(seconds, _GLANCE_S))
            seconds -= _GLANCE_S
        self._moved.clear()

    def _given_up(self, error: TransPixarError) -> TransPixarError:
        if not isinstance(error, ServerNotRunningError):
            return error
        return DisconnectedError(
            f"The server at {self.server} stopped answering while the clip was being made. "
            "Start it with `python -m server` and generate the clip again."
        )
