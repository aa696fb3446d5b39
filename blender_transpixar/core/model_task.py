"""Something asked of the server about one of its models, as the add-on knows it from the courier's events."""

from dataclasses import dataclass

from .errors import TransPixarError
from .protocol import Cancelled, Failed, Message, ModelManaged


@dataclass(slots=True, eq=False)
class ModelTask:
    """`action` on `model`, see `protocol.ManageModel`. It is done when the server has said yes, or no: `error`."""

    tag: int
    model: str
    action: str
    cancelling: bool = False
    error: TransPixarError | None = None
    finished: bool = False

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1."""
        return 1.0 if self.finished else 0.0

    @property
    def phase(self) -> str:
        """What is happening, in a few words."""
        return "Done" if self.finished else "Asking the server"

    def apply(self, message: Message) -> None:
        """Take in one event of the courier."""
        if isinstance(message, (ModelManaged, Cancelled)):
            self.finished = True
        elif isinstance(message, Failed):
            self.fail(TransPixarError.from_json(message.error))

    def fail(self, error: TransPixarError) -> None:
        """End with an error."""
        self.error, self.finished = error, True
