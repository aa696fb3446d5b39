"""Whether the disk takes what jobs write, as far as failed writes have shown."""

from __future__ import annotations

from collections.abc import Callable

from server.jobs.job import Job, JobError
from server.jobs.reserve import LEAST_FREE_BYTES
from server.jobs.store import JobStore

DISK_FULL = JobError(code="disk_full", message="The disk is full; make room and generate the clip again.")
# Of a clip as it lies in memory, four bytes a pixel; compressed it takes less than this part.
_COMPRESSION = 2


class Room:
    """Remembers a disk that ran full. The queue waits until there is room, so that not every job in it fails.

    `free_bytes` tells the free bytes on the disk of the clips; it may raise OSError.
    """

    def __init__(self, store: JobStore, free_bytes: Callable[[], int]) -> None:
        self._store = store
        self._free_bytes = free_bytes
        self._needed: int | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the disk is full now: nothing that a job makes could be kept."""
        return self._store.trouble is not None and self._store.trouble.is_full

    def ran_out(self, job: Job) -> None:
        """A clip of this job could not be written. What was written of it is removed already."""
        request = job.request
        clip_bytes = 4 * request.width * request.height * request.num_frames // _COMPRESSION
        try:
            # Not what the reserve has left: that is for the job database.
            self._needed = max(self._free_bytes() + clip_bytes, LEAST_FREE_BYTES)
        except OSError:
            self._needed = None

    def problem(self) -> tuple[str, str] | None:
        """Why no job should be started now, as a code and a sentence; None when nothing is known against it."""
        trouble = self._store.trouble
        if trouble is not None:
            return trouble.code, trouble.sentence
        if self._needed is None:
            return None
        try:
            lacking = self._needed - self._free_bytes()
        except OSError:
            lacking = 0
        if lacking <= 0:
            self._needed = None
            return None
        megabytes = max(round(lacking / 1e6), 1)
        return "disk_full", (
            f"The server's disk is full: the last clip did not fit. Make {megabytes} MB of room on it or remove old "
            "videos; the jobs in the queue wait for that."
        )
