"""One errand of the courier: a model is loaded, unloaded, or its licences are accepted."""

from collections.abc import Callable

from .client import ServerClient
from .errors import JobInterruptedError, ServerRefusedError, TransPixarError, unexpected
from .protocol import Cancelled, Failed, ManageModel, Message, ModelManaged


class ModelErrand:
    """Runs one ManageModel command in a thread of the courier; ends with ModelManaged, Cancelled or Failed.

    `client` is the errand's own, because cancelling breaks its connections off.
    """

    def __init__(self, command: ManageModel, client: ServerClient, emit: Callable[[Message], None]) -> None:
        self._command = command
        self._client = client
        self._emit = emit
        self._cancelled = False

    def cancel(self) -> None:
        """Wait for no answer any more; called from another thread. What the server has begun goes on."""
        self._cancelled = True
        self._client.hang_up()

    def run(self) -> None:
        """Ask the server."""
        tag = self._command.tag
        try:
            last: Message = ModelManaged(tag, self._ask())
        except TransPixarError as error:
            last = Cancelled(tag) if self._cancelled else Failed(tag, error.to_json())
        except Exception as error:
            last = Failed(tag, unexpected(error).to_json())
        finally:
            self._client.close()
        self._emit(last)

    def _ask(self) -> dict[str, object]:
        command = self._command
        body = {"licences": list(command.licences)} if command.action == "accept-licences" else None
        self._client.check()
        try:
            return self._client.manage_model(command.model, command.action, body)
        except JobInterruptedError as error:
            # What the client makes of a 404, which here is not about a clip.
            raise ServerRefusedError(
                f'The server has no model "{command.model}" any more. Choose another one.', code="unknown_model"
            ) from error
