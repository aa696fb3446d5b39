"""How long a job will still take."""

from __future__ import annotations

import time
from collections.abc import Callable


class RemainingTime:
    """Estimates the seconds until a job's last clip is on disk, from the pace so far.

    `steps` is the number of sampling steps of a clip, `clips` how many are to be made. Until a clip has been decoded,
    decoding is taken to last as long as `decoding_steps` steps.
    """

    def __init__(
        self, *, steps: int, clips: int, decoding_steps: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._steps = steps
        self._clips_left = clips
        self._decoding_steps = decoding_steps
        self._clock = clock
        self._decoding_seconds: float | None = None
        self._step_seconds = 0.0
        self._mark = clock()

    def begin_sampling(self) -> None:
        """Say that the first step of a clip begins."""
        self._mark = self._clock()

    def after_step(self, step: int) -> float:
        """The seconds that are left when `step` steps of the present clip are finished."""
        self._step_seconds = (self._clock() - self._mark) / step
        return (self._steps - step) * self._step_seconds + self._decoding() + self._whole_clips(self._clips_left - 1)

    def sampled(self) -> None:
        """Say that the last step is finished."""
        self._mark = self._clock()

    def clip_ready(self) -> None:
        """Say that the present clip is on disk."""
        self._decoding_seconds = self._clock() - self._mark
        self._clips_left -= 1

    def _decoding(self) -> float:
        if self._decoding_seconds is None:
            return self._decoding_steps * self._step_seconds
        return self._decoding_seconds

    def _whole_clips(self, count: int) -> float:
        return count * (self._steps * self._step_seconds + self._decoding())
