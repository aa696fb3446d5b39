"""What the dispatcher carries: a clip being made, or one being fetched."""

from typing import Protocol

from .errors import TransPixarError
from .protocol import Message


class Task(Protocol):
    """Something the courier does. `tag` tells its messages from those of others."""

    tag: int
    cancelling: bool
    error: TransPixarError | None

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1."""

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""

    def fail(self, error: TransPixarError) -> None:
        """End with an error."""
