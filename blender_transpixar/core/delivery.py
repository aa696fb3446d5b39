"""A finished clip or an exported file on its way, as the add-on knows it from the courier's events."""

from dataclasses import dataclass
from pathlib import Path

from .errors import TransPixarError
from .protocol import Cancelled, ContentReady, Exporting, Failed, Message, Receiving, Waiting


@dataclass(slots=True, eq=False)
class Delivery:
    """One fetch. When it is finished it has a `path`, was `cancelled`, or has an `error`.

    `written` are the frames that the server has written and of how many; None as long as it does not say.
    `received` are the bytes that have arrived and of how many; None while the server is still at work.
    """

    tag: int
    format: str
    written: tuple[int, int] | None = None
    received: tuple[int, int | None] | None = None
    waiting: bool = False
    cancelling: bool = False
    path: Path | None = None
    cancelled: bool = False
    error: TransPixarError | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.path is not None or self.cancelled or self.error is not None

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1 of what `phase` says: first the server's work, then the transfer."""
        if self.path is not None:
            return 1.0
        done, of = self.received or self.written or (0, None)
        return min(done / of, 1.0) if of else 0.0

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""
        if self.error is not None:
            return "Failed"
        if self.cancelled or self.path is not None:
            return "Cancelled" if self.cancelled else "Done"
        if self.cancelling:
            return "Cancelling"
        if self.waiting:
            return "Waiting for other exports"
        if self.received is not None:
            return "Saving"
        return (
            "The server is at work" if self.written is None else f"Writing frame {self.written[0]} of {self.written[1]}"
        )

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        self.waiting = isinstance(message, Waiting)
        if isinstance(message, Exporting):
            self.written = message.done, message.of
        elif isinstance(message, Receiving):
            self.received = message.done, message.of
        elif isinstance(message, ContentReady):
            self.path = Path(message.path)
        elif isinstance(message, Cancelled):
            self.cancelled = True
        elif isinstance(message, Failed):
            self.fail(TransPixarError.from_json(message.error))

    def fail(self, error: TransPixarError) -> None:
        """End with an error."""
        self.error = error
