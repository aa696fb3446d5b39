"""A clip being made, as the add-on knows it from the courier's events."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .errors import TransPixarError
from .job import Job, JobState
from .protocol import Cancelled, ClipReady, Downloading, Failed, JobChanged, Message, PreviewReady, Reconnecting
from .request import ClipRequest


class Outcome(Enum):
    """How a generation ended."""

    CLIP = "clip"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Preview:
    """Raw RGBA bytes on disk: 8 bit, premultiplied, rows from the bottom up; sizes in pixels."""

    path: Path
    width: int
    height: int
    step: int


@dataclass(slots=True, eq=False)
class Generation:
    """One clip on its way. `outcome` is None while it is being made; `folder` or `error` tell the rest."""

    tag: int
    request: ClipRequest
    job: Job | None = None
    preview: Preview | None = None
    downloaded: tuple[int, int] | None = None
    reconnecting: bool = False
    cancelling: bool = False
    outcome: Outcome | None = None
    folder: Path | None = None
    error: TransPixarError | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.outcome is not None

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1, by sampling steps."""
        if self.outcome is Outcome.CLIP or self.downloaded is not None:
            return 1.0
        if self.job is None or self.job.of <= 0:
            return 0.0
        return min(self.job.step / self.job.of, 1.0)

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""
        if self.outcome is not None:
            return {Outcome.CLIP: "Done", Outcome.CANCELLED: "Cancelled", Outcome.FAILED: "Failed"}[self.outcome]
        if self.cancelling:
            return "Cancelling"
        if self.reconnecting:
            return "Reconnecting to the server"
        if self.downloaded is not None:
            return f"Saving frame {self.downloaded[0]} of {self.downloaded[1]}"
        if self.job is None:
            return "Connecting"
        return _phase_of(self.job)

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        self.reconnecting = isinstance(message, Reconnecting)
        if isinstance(message, JobChanged):
            self.job = Job.from_json(message.job)
        elif isinstance(message, PreviewReady):
            self.preview = Preview(Path(message.path), message.width, message.height, message.step)
        elif isinstance(message, Downloading):
            self.downloaded = message.done, message.of
        elif isinstance(message, ClipReady):
            self.folder, self.outcome = Path(message.folder), Outcome.CLIP
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
    return {
        JobState.LOADING: "Loading the model",
        JobState.RUNNING: f"Step {job.step} of {job.of}",
        JobState.DECODING: "Decoding frames",
        JobState.ENCODING: "Writing frames",
        JobState.INTERRUPTED: "Waiting for the server",
    }.get(job.state, "Saving")
