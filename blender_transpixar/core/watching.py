"""A server being watched, as the add-on knows it from the courier's events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import TransPixarError
from .protocol import Cancelled, Failed, Message, ServerSeen
from .server_models import ServerModel, models_of


@dataclass(slots=True, eq=False)
class Watching:
    """A watch on the server at the base URL `server`; it goes on until it is cancelled.

    `looked` says whether there has been an answer, or certainly none, at all; `problem` is what was in the way at the
    last look. `status` is the server's own object; `models` are the last ones that it sent.
    """

    tag: int
    server: str
    looked: bool = False
    problem: TransPixarError | None = None
    status: Mapping[str, Any] | None = None
    models: tuple[ServerModel, ...] = ()
    cancelling: bool = False
    error: TransPixarError | None = None
    finished: bool = False

    @property
    def fraction(self) -> float:
        """A watch has no progress."""
        return 0.0

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""
        return "Watching the server"

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        if isinstance(message, ServerSeen):
            self.looked = True
            self.problem = None if message.error is None else TransPixarError.from_json(message.error)
            self.status = message.status
            self.models = self.models if message.models is None else models_of(message.models)
        elif isinstance(message, Cancelled):
            self.finished = True
        elif isinstance(message, Failed):
            self.fail(TransPixarError.from_json(message.error))

    def fail(self, error: TransPixarError) -> None:
        """End with an error."""
        self.error, self.finished = error, True
