"""Generations and the courier that carries them, with two drivers: `pump` for a timer, `wait` for a script."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .courier_process import CourierProcess
from .errors import CourierStoppedError
from .generation import Generation
from .protocol import Cancel, Generate
from .request import ClipRequest

POLL_INTERVAL_S = 0.02


class Dispatcher:
    """Starts the courier when it is first needed and again after it has ended."""

    def __init__(self, python_args: Sequence[str] = ()) -> None:
        self._python_args = tuple(python_args)
        self._courier: CourierProcess | None = None
        self._running: dict[int, Generation] = {}
        self._next_tag = 1

    @property
    def busy(self) -> bool:
        """Whether a clip is being made."""
        return bool(self._running)

    @property
    def courier_pid(self) -> int | None:
        """The courier's process id while there is one."""
        return self._courier.pid if self._courier else None

    def start(self, request: ClipRequest, server: str, destination: Path, preview_folder: Path) -> Generation:
        """Send a request on its way; `server` is a normalised address. Raises CourierStoppedError."""
        generation = Generation(self._next_tag, request)
        self._next_tag += 1
        self._send_starting(Generate(generation.tag, server, request.to_json(), str(destination), str(preview_folder)))
        self._running[generation.tag] = generation
        return generation

    def cancel(self, generation: Generation) -> None:
        """Stop a generation; it ends with an outcome like every other."""
        if self._courier is None or generation.tag not in self._running:
            return
        generation.cancelling = True
        try:
            self._courier.send(Cancel(generation.tag))
        except CourierStoppedError as error:
            self._fail_all(error)

    def pump(self) -> list[Generation]:
        """Take in what has arrived and return the generations it changed. Never waits."""
        if self._courier is None:
            return []
        changed: dict[int, Generation] = {}
        try:
            for message in self._courier.receive():
                generation = self._running.get(message.tag)
                if generation is None:
                    continue
                generation.apply(message)
                changed[message.tag] = generation
                if generation.finished:
                    del self._running[message.tag]
        except CourierStoppedError as error:
            return [*changed.values(), *self._fail_all(error)]
        return list(changed.values())

    def wait(self, generation: Generation, on_change: Callable[[Generation], None] = lambda generation: None) -> None:
        """Pump until a generation is finished; `on_change` is called with it after every change."""
        while not generation.finished:
            if generation in self.pump():
                on_change(generation)
            elif not generation.finished:
                time.sleep(POLL_INTERVAL_S)

    def close(self) -> None:
        """End the courier; what it was doing is cancelled on the server."""
        if self._courier is not None:
            self._courier.close()
            self._courier = None
        self._running.clear()

    def _send_starting(self, command: Generate) -> None:
        if self._courier is not None:
            try:
                self._courier.send(command)
                return
            except CourierStoppedError as error:
                # It ended while nothing was wanted of it: start another.
                self._fail_all(error)
        self._courier = CourierProcess(self._python_args)
        self._courier.send(command)

    def _fail_all(self, error: CourierStoppedError) -> list[Generation]:
        failed = list(self._running.values())
        for generation in failed:
            generation.fail(error)
        self.close()
        return failed
