"""A wish for clips on its way, as the add-on knows it from the courier's events."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from .errors import TransPixarError
from .job import Job, JobState
from .progress_words import eta_in_words, size_in_words
from .protocol import (
    Cancelled,
    ClipReady,
    Done,
    Downloading,
    Failed,
    JobChanged,
    Message,
    PreviewReady,
    Reconnecting,
    Uploading,
)
from .request import ClipRequest


class Outcome(Enum):
    """How a generation ended."""

    CLIP = "clip"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Preview:
    """Raw RGBA bytes on disk: 8 bit, display-encoded, over a checkerboard, rows from the bottom up; sizes in pixels."""

    path: Path
    width: int
    height: int
    step: int


@dataclass(slots=True, eq=False)
class Generation:
    """One wish on its way. `outcome` is None while it is being fulfilled; `folders` or `error` tell the rest.

    `key` is its Idempotency-Key. `folders` are the clips that are on the disk, by their number in the job, also before
    the end and whatever the outcome. `waiting_for` is the sentence on why the server cannot be had, while it cannot.
    """

    tag: int
    request: ClipRequest
    key: str = ""
    job: Job | None = None
    preview: Preview | None = None
    uploading: str | None = None
    downloaded: tuple[int, int] | None = None
    reconnecting: bool = False
    waiting_for: str = ""
    cancelling: bool = False
    outcome: Outcome | None = None
    folders: dict[int, Path] = field(default_factory=dict)
    error: TransPixarError | None = None

    @property
    def folder(self) -> Path | None:
        """The first clip's folder, once it is there."""
        return self.folders[min(self.folders)] if self.folders else None

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.outcome is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The server's sentences about what the clips may lack."""
        return self.job.warnings if self.job else ()

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1, by the sampling steps of all clips."""
        if self.outcome is Outcome.CLIP:
            return 1.0
        if self.job is None or self.job.of <= 0:
            return 0.0
        of_clip = 1.0 if self.downloaded is not None else min(self.job.step / self.job.of, 1.0)
        return min((self.job.clip - 1 + of_clip) / max(self.job.of_clips, 1), 1.0)

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""
        if self.outcome is not None:
            return {Outcome.CLIP: "Done", Outcome.CANCELLED: "Cancelled", Outcome.FAILED: "Failed"}[self.outcome]
        if self.cancelling:
            return "Cancelling"
        if self.reconnecting:
            return "Waiting for the server" if self.job is None else "Reconnecting to the server"
        if self.downloaded is not None:
            return f"Saving frame {self.downloaded[0]} of {self.downloaded[1]}"
        if self.uploading is not None:
            return f"Sending the {self.uploading.replace('_', ' ')}"
        return "Connecting" if self.job is None else _phase_of(self.job)

    @property
    def eta(self) -> str:
        """How long it will take, in words; empty while nobody knows."""
        if self.finished or self.cancelling or self.reconnecting or self.job is None:
            return ""
        return eta_in_words(self.job.eta_seconds)

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        self.reconnecting = isinstance(message, Reconnecting)
        self.waiting_for = message.reason if isinstance(message, Reconnecting) else ""
        if isinstance(message, JobChanged):
            self.job, self.downloaded, self.uploading = Job.from_json(message.job), None, None
        elif isinstance(message, PreviewReady):
            self.preview = Preview(Path(message.path), message.width, message.height, message.step)
        elif isinstance(message, Downloading):
            self.downloaded = message.done, message.of
        elif isinstance(message, Uploading):
            self.uploading = message.field
        elif isinstance(message, ClipReady):
            self.folders[message.index] = Path(message.folder)
        elif isinstance(message, Done):
            self.outcome = Outcome.CLIP
        elif isinstance(message, Cancelled):
            self.outcome = Outcome.CANCELLED
        elif isinstance(message, Failed):
            self.fail(TransPixarError.from_json(message.error))

    def fail(self, error: TransPixarError) -> None:
        """End with an error."""
        self.error, self.outcome = error, Outcome.FAILED


def _phase_of(job: Job) -> str:
    if job.state is JobState.QUEUED:
        return f"Queued, number {job.queue_position}" if job.queue_position else "Queued"
    if job.phase == "downloading":
        done, of = job.bytes_done, job.bytes_total
        return f"Downloading the model, {size_in_words(done)} of {size_in_words(of)}" if of else "Downloading the model"
    words = {
        JobState.LOADING: "Loading the model",
        JobState.RUNNING: f"Step {job.step} of {job.of}",
        JobState.DECODING: "Decoding frames",
        JobState.ENCODING: "Writing frames",
        JobState.INTERRUPTED: "Waiting for the server",
    }.get(job.state, "Saving")
    return f"{words}, clip {job.clip} of {job.of_clips}" if job.of_clips > 1 else words
