"""Which requests are taken: the limits that protect the machine, whatever the model could do."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.jobs.errors import NotAdmitted, RequestError
from server.jobs.job import Job
from server.jobs.request import VideoRequest

# When a place in the queue may come free, if no job at work says when it will end.
_QUEUE_RETRY_SECONDS = 30
_LONGEST_RETRY_SECONDS = 600
_DISK_RETRY_SECONDS = 60
_GB = 10**9


@dataclass(frozen=True)
class AdmissionLimits:
    """`max_queue` jobs may wait; a job may have `max_pixels` pixels in all frames of all its clips together.

    `disk_floor` is how many bytes must be free on the disk of the clips.
    """

    max_queue: int = 100
    max_pixels: int = 4 * 10**9
    disk_floor: int = 2 * _GB


def free_bytes_of(folder: Path) -> Callable[[], int]:
    """A probe for the free bytes of the disk that `folder` is on."""
    return lambda: shutil.disk_usage(folder).free


class Admission:
    """Says whether a request can be taken now."""

    def __init__(self, limits: AdmissionLimits, free_bytes: Callable[[], int]) -> None:
        """`free_bytes` tells the free bytes on the disk of the clips."""
        self.limits = limits
        self.free_bytes = free_bytes

    @property
    def disk_is_low(self) -> bool:
        """Whether the disk is too full for any clip."""
        return self.free_bytes() < self.limits.disk_floor

    def check(self, request: VideoRequest, queued: int, at_work: Sequence[Job]) -> None:
        """Raise RequestError when a request is too large for ever, and NotAdmitted when it is for now.

        `queued` is how many jobs wait.
        """
        pixels = pixel_count(request)
        if pixels > self.limits.max_pixels:
            message = (
                f"All frames together have {pixels / 1e6:.0f} million pixels; this server takes at most "
                f"{self.limits.max_pixels / 1e6:.0f} million. Use fewer clips, fewer frames or a smaller size."
            )
            raise RequestError("clip_too_large", message, "num_clips" if request.num_clips > 1 else "num_frames")
        if queued >= self.limits.max_queue:
            message = f"The queue is full: {queued} jobs wait and {len(at_work)} at work. Try later, or cancel some."
            raise NotAdmitted("queue_full", message, _seconds_until_place(at_work))
        if self.disk_is_low:
            message = (
                f"The server's disk has only {self.free_bytes() / _GB:.1f} GB left; make room or remove old videos."
            )
            raise NotAdmitted("disk_low", message, _DISK_RETRY_SECONDS)


def _seconds_until_place(at_work: Sequence[Job]) -> int:
    estimates = [job.eta_seconds for job in at_work if job.eta_seconds is not None]
    return min(max(math.ceil(min(estimates, default=_QUEUE_RETRY_SECONDS)), 1), _LONGEST_RETRY_SECONDS)


def pixel_count(request: VideoRequest) -> int:
    """The pixels in all frames of all clips of a request."""
    return request.width * request.height * request.num_frames * request.num_clips
