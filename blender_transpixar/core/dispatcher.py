"""Tasks and the courier that carries them out, with two drivers: `pump` for a timer, `wait` for a script."""

import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .clip import Sidecar
from .courier_process import CourierProcess
from .delivery import Delivery
from .errors import CourierStoppedError, unexpected
from .generation import Generation
from .history import History
from .history_entry import Entry
from .model_task import ModelTask
from .protocol import Cancel, Credential, Fetch, Forget, Generate, ManageModel, Message, Move, Watch
from .request import ClipRequest
from .task import Task
from .watching import Watching

POLL_INTERVAL_S = 0.02
_Task = TypeVar("_Task", bound=Task)


class Dispatcher:
    """Starts the courier when it is first needed and again after it has ended."""

    def __init__(
        self, python_args: Sequence[str] = (), token_for: Callable[[str], str | None] = lambda server: None
    ) -> None:
        self._python_args = tuple(python_args)
        self._token_for = token_for
        # The tokens that the present courier knows, by server.
        self._told: dict[str, str] = {}
        self._courier: CourierProcess | None = None
        self._running: dict[int, Task] = {}
        self._next_tag = 1

    @property
    def busy(self) -> bool:
        """Whether anything is being done."""
        return bool(self._running)

    @property
    def courier_pid(self) -> int | None:
        """The courier's process id while there is one."""
        return self._courier.pid if self._courier else None

    def start(
        self,
        request: ClipRequest,
        server: str,
        destination: Path,
        preview_folder: Path,
        *,
        first_frame_file: Path | None = None,
        footage_file: Path | None = None,
        patient: bool = False,
    ) -> Generation:
        """Send a request on its way without writing it down anywhere. Raises CourierStoppedError.

        `server` is a normalised address. See `protocol.Generate` for the files and for patience.
        """
        generation = Generation(self._new_tag(), request, uuid.uuid4().hex)
        command = Generate(
            generation.tag,
            server,
            request.to_json(),
            str(destination),
            str(preview_folder),
            key=generation.key,
            first_frame_file=None if first_frame_file is None else str(first_frame_file),
            footage_file=None if footage_file is None else str(footage_file),
            patient=patient,
        )
        return self._begin(generation, command)

    def pursue(self, entry: Entry, history: History, preview_folder: Path, *, patient: bool = True) -> Generation:
        """Send an entry of the history on its way, or take it up again where it was left. Raises CourierStoppedError.

        What becomes of it is written to the entry; its job goes on when the courier ends before.
        """
        generation = Generation(self._new_tag(), ClipRequest.from_json(entry.request), entry.key)
        command = Generate(
            generation.tag,
            entry.server,
            entry.request,
            entry.destination,
            str(preview_folder),
            key=entry.key,
            job=entry.job,
            first_frame_file=entry.first_frame_file,
            footage_file=entry.footage_file,
            patient=patient,
            history=str(history.folder),
        )
        return self._begin(generation, command)

    def forget(self, server: str, job: str, folders: Sequence[Path] = ()) -> None:
        """Have a finished job removed from the server, and its clips in these folders. Raises CourierStoppedError."""
        self._tell_token(server)
        self._send_starting(Forget(self._new_tag(), server, job, tuple(str(folder) for folder in folders)))

    def fetch(
        self, sidecar: Sidecar, server: str, format_name: str, finishing: Mapping[str, Any] | None, target: Path
    ) -> Delivery:
        """Have the clip of a sidecar, raw or finished, brought in a format. Raises CourierStoppedError.

        `finishing` is the recipe to begin with the raw clip, or None; see `protocol.Fetch` for `target`.
        """
        delivery = Delivery(self._new_tag(), format_name)
        command = Fetch(delivery.tag, server, sidecar.job, sidecar.seed, format_name, finishing, str(target))
        return self._begin(delivery, command)

    def watch(self, server: str, interval_s: float, expected: bool, watching: Watching | None = None) -> Watching:
        """Look at a server again and again; with `watching`, from now on in this rhythm. Raises CourierStoppedError.

        See `protocol.Watch`; `cancel` ends it.
        """
        watching = watching or Watching(self._new_tag(), server)
        return self._begin(watching, Watch(watching.tag, server, interval_s, expected))

    def manage_model(self, server: str, model: str, action: str, licences: Sequence[str] = ()) -> ModelTask:
        """Have a model loaded or unloaded, or its licences accepted; see `protocol.ManageModel`.

        Raises CourierStoppedError.
        """
        task = ModelTask(self._new_tag(), model, action)
        return self._begin(task, ManageModel(task.tag, server, model, action, tuple(licences)))

    def move(self, task: Generation, server: str) -> None:
        """Go on with a task's server at another address."""
        self._tell_token(server)
        self._send_about(task, Move(task.tag, server))

    def cancel(self, task: Task) -> None:
        """Stop a task; it ends like every other."""
        if task.tag in self._running:
            task.cancelling = True
            self._send_about(task, Cancel(task.tag))

    def pump(self, budget_s: float = math.inf) -> list[Task]:
        """Take in what has arrived and return the tasks it changed. Never waits.

        Reading stops after `budget_s` seconds; the rest stays in the pipe for the next time.
        """
        if self._courier is None:
            return []
        changed: dict[int, Task] = {}
        deadline = time.perf_counter() + budget_s
        try:
            while messages := self._courier.receive():
                for message in messages:
                    self._take_in(message, changed)
                if time.perf_counter() >= deadline:
                    break
        except CourierStoppedError as error:
            return [*changed.values(), *self._fail_all(error)]
        return list(changed.values())

    def wait(self, task: _Task, on_change: Callable[[_Task], None] = lambda task: None) -> None:
        """Pump until a task is finished; `on_change` is called with it after every change."""
        while not task.finished:
            if task in self.pump():
                on_change(task)
            elif not task.finished:
                time.sleep(POLL_INTERVAL_S)

    def close(self) -> None:
        """End the courier. What it was doing is cancelled, but for what is in the history: that goes on."""
        if self._courier is not None:
            self._courier.close()
            self._courier = None
        self._running.clear()

    def _take_in(self, message: Message, changed: dict[int, Task]) -> None:
        task = self._running.get(message.tag)
        if task is None:
            return
        try:
            task.apply(message)
        except Exception as error:
            # What another server says about one task costs that one only.
            task.fail(unexpected(error))
        changed[message.tag] = task
        if task.finished:
            del self._running[message.tag]

    def _new_tag(self) -> int:
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        return tag

    def _begin(self, task: _Task, command: Message) -> _Task:
        self._tell_token(getattr(command, "server", ""))
        self._send_starting(command)
        self._running[task.tag] = task
        return task

    def _send_about(self, task: Task, message: Message) -> None:
        if self._courier is None or task.tag not in self._running:
            return
        try:
            self._courier.send(message)
        except CourierStoppedError as error:
            self._fail_all(error)

    def _tell_token(self, server: str) -> None:
        """Make sure that the courier knows the server's token of the moment."""
        token = self._token_for(server) or ""
        if token != self._told.get(server, ""):
            self._send_starting(Credential(0, server, token))
            self._told[server] = token

    def _send_starting(self, command: Message) -> None:
        if self._courier is not None:
            try:
                self._courier.send(command)
                return
            except CourierStoppedError as error:
                # It ended while nothing was wanted of it: start another.
                self._fail_all(error)
        self._courier = CourierProcess(self._python_args)
        for server, token in self._told.items():
            self._courier.send(Credential(0, server, token))
        self._courier.send(command)

    def _fail_all(self, error: CourierStoppedError) -> list[Task]:
        failed = list(self._running.values())
        for task in failed:
            task.fail(error)
        self.close()
        return failed
