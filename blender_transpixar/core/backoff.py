"""How long to wait before asking a silent server again, and when to give up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0


@dataclass(slots=True)
class Backoff:
    """Doubling delays in seconds, from half a second to eight, until `patience_s` has passed without contact."""

    patience_s: float
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _silent_since: float = field(default=0.0)

    def succeeded(self) -> None:
        """The server answered: the next silence starts from the shortest delay."""
        self._failures = 0

    def next_delay(self, patience_s: float | None = None) -> float | None:
        """The seconds to wait now, or None when patience (this once another one) is at its end."""
        if self._failures == 0:
            self._silent_since = self.clock()
        elif self.clock() - self._silent_since >= (self.patience_s if patience_s is None else patience_s):
            return None
        # The exponent is bounded so that a long silence cannot overflow.
        delay = min(FIRST_DELAY_S * 2.0 ** min(self._failures, 10), LONGEST_DELAY_S)
        self._failures += 1
        return delay
