"""When previews are made: often enough to be worth looking at, seldom enough not to slow the clip down."""

from __future__ import annotations

import time

# The first preview comes after the first step; from then on they take at most this share of the sampling time, and come
# at most this often.
_SHARE = 0.15
_SECONDS = 0.5


class PreviewBudget:
    """Says when the next preview may be made; a context manager around making one."""

    def __init__(self) -> None:
        self._next = time.monotonic()
        self._began = 0.0

    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        now = time.monotonic()
        self._next = now + max(_SECONDS, (now - self._began) * (1 / _SHARE - 1))
