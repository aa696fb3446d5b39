"""Looking at the server again and again, in the courier: what it is, which models it has, whether it is there."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from .client import ServerClient
from .errors import TransPixarError, unexpected
from .protocol import Cancelled, Message, ServerSeen, Watch

# The longest time between two looks at a server that does not answer.
LONGEST_INTERVAL_S = 10.0


class ServerWatch:
    """Runs one Watch command in a thread of the courier until it is cancelled; tells only what is new.

    `new_client` makes a client for a base URL, with the token of the moment.
    """

    def __init__(
        self, command: Watch, new_client: Callable[[str], ServerClient], emit: Callable[[Message], None]
    ) -> None:
        self._command = command
        self._new_client = new_client
        self._emit = emit
        self._changed = threading.Event()
        self._cancelled = False
        self._client: ServerClient | None = None
        self._failures = 0
        self._told: ServerSeen | None = None
        self._models: list[dict[str, Any]] | None = None
        self._essence: Mapping[str, Any] | None = None
        self._stale = True

    def adjust(self, command: Watch) -> None:
        """Go on with another rhythm, beginning with a look at everything now; called from another thread."""
        self._command = command
        self._failures = 0
        self._stale = True
        self._changed.set()

    def cancel(self) -> None:
        """Stop; called from another thread."""
        self._cancelled = True
        client = self._client
        if client is not None:
            client.hang_up()
        self._changed.set()

    def run(self) -> None:
        """Look until cancelled; ends with Cancelled."""
        while not self._cancelled:
            self._changed.clear()
            seen = self._look()
            # A look that was broken off says nothing about the server.
            if not self._cancelled and seen != self._told:
                self._told = seen
                self._emit(seen)
            self._changed.wait(self._delay())
        self._emit(Cancelled(self._command.tag))

    def _look(self) -> ServerSeen:
        # A client of its own for each look: tokens change, and nothing is gained by keeping a connection open.
        self._client = self._new_client(self._command.server)
        try:
            status = _essence(self._client.status())
            self._read_models(self._client, status)
            self._failures = 0
            return ServerSeen(self._command.tag, None, status, self._models)
        except TransPixarError as error:
            return self._failed(error)
        except Exception as error:
            return self._failed(unexpected(error))
        finally:
            self._client.close()

    def _read_models(self, client: ServerClient, status: Mapping[str, Any]) -> None:
        """Read the models when they may have changed."""
        stale, self._stale = self._stale, False
        if stale or status != self._essence or self._models is None or any(map(_may_become_usable, self._models)):
            self._models = client.models()
        self._essence = status

    def _failed(self, error: TransPixarError) -> ServerSeen:
        self._failures += 1
        # What comes back may be another server.
        self._models = self._essence = None
        return ServerSeen(self._command.tag, error.to_json(), None, None)

    def _delay(self) -> float:
        interval = self._command.interval_s
        if self._failures and not self._command.expected:
            return max(interval, min(interval * 2.0 ** min(self._failures - 1, 10), LONGEST_INTERVAL_S))
        return interval


def _essence(status: Mapping[str, Any]) -> dict[str, Any]:
    """The status without the figures that change all the time, such as free memory."""
    kept = {name: status.get(name) for name in ("version", "api", "state", "reason", "models")}
    workers = status.get("workers")
    names = ("index", "state", "device", "device_name", "loaded_model", "restarts")
    kept["workers"] = [
        {name: worker.get(name) for name in names}
        for worker in (workers if isinstance(workers, list) else [])
        if isinstance(worker, dict)
    ]
    return kept


def _may_become_usable(model: Mapping[str, Any]) -> bool:
    """Whether a model may change while the status stays: its files arrive, or somebody accepts its licences."""
    return model.get("state") in ("not_downloaded", "licence_not_accepted")
