"""When a worker that has died is started again: soon at first, later and later if it keeps on dying."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RestartPolicy:
    """All times in seconds.

    A worker that has died comes back after `first_delay`, twice that the next time, and so on up to `longest_delay`.
    After `deaths` deaths within `window`, and when it says itself that it cannot work, it is degraded and comes back
    after `longest_delay`. A job that reaches its end clears the record.
    """

    first_delay: float = 0.5
    longest_delay: float = 60.0
    deaths: int = 3
    window: float = 300.0


@dataclass
class DeathRecord:
    """The deaths of a worker since its last good job, and what they mean."""

    policy: RestartPolicy = RestartPolicy()
    degraded: bool = False
    _deaths: list[float] = field(default_factory=list)

    def died(self, now: float, *, hopeless: bool = False) -> float:
        """Record a death at `now`, a time in seconds; `hopeless` if it will die again. Returns the wait until then."""
        self._deaths = [when for when in self._deaths if now - when < self.policy.window] + [now]
        self.degraded = hopeless or len(self._deaths) >= self.policy.deaths
        if self.degraded:
            return self.policy.longest_delay
        return min(self.policy.first_delay * 2.0 ** (len(self._deaths) - 1), self.policy.longest_delay)

    def is_back(self) -> None:
        """Record that a worker is ready again. What it is worth its first job will show."""
        self.degraded = False

    def did_well(self) -> None:
        """Record that a job has reached its end."""
        self._deaths.clear()

    def summary(self) -> str:
        """How often it has died, as the start of a sentence."""
        times = f"{len(self._deaths)} times" if len(self._deaths) != 1 else "once"
        return f"The worker has ended {times} within {self.policy.window / 60:.0f} minutes"
