"""A finished clip or an exported file on its way, as the add-on knows it from the courier's events."""

from dataclasses import dataclass
from pathlib import Path

from .errors import TransPixarError
from .protocol import Cancelled, ContentReady, Failed, Message, Receiving, Waiting


@dataclass(slots=True, eq=False)
class Delivery:
    """One fetch. When it is finished it has a `path`, was `cancelled`, or has an `error`.

    `received` are the bytes that have arrived and of how many; None while the server is still at work.
    """

    tag: int
    format: str
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
        """Progress of the transfer from 0 to 1; the server does not say how far its own work is."""
        if self.path is not None:
            return 1.0
        done, of = self.received or (0, None)
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
        return "The server is at work" if self.received is None else "Saving"

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        self.waiting = isinstance(message, Waiting)
        if isinstance(message, Receiving):
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
