"""One errand of the courier: a clip of the server, finished or in a hand-off format, brought to the disk."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .backoff import Backoff
from .client import ServerClient
from .content import CLIP_FORMAT, check_new_folder, save_clip, save_file, save_folder
from .download import check_destination
from .errors import (
    CLIP_FOLDER,
    ClipGoneError,
    DownloadError,
    JobInterruptedError,
    ServerRefusedError,
    TransPixarError,
    from_os_error,
    unexpected,
)
from .formats import FORMATS
from .protocol import Cancelled, ContentReady, Exporting, Failed, Fetch, Message, Receiving, Waiting

# Exports of others are done within this time, or the server is overloaded.
PATIENCE_S = 600.0
_REPORT_INTERVAL_S = 0.1
_PROGRESS_INTERVAL_S = 0.4


class FetchErrand:
    """Runs one Fetch command to its end in a thread of the courier; every way out emits exactly one last message.

    `client` is the errand's own, because cancelling breaks its connections off.
    """

    def __init__(
        self,
        command: Fetch,
        client: ServerClient,
        emit: Callable[[Message], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = command
        self._target = Path(command.target)
        self._client = client
        self._emit = emit
        self._backoff = Backoff(patience_s)
        self._cancelled = threading.Event()
        self._reported_at = 0.0

    def cancel(self) -> None:
        """Stop the errand; called from another thread. The server stops when the connection is gone."""
        self._cancelled.set()
        self._client.hang_up()

    def run(self) -> None:
        """Fetch; ends with ContentReady, Cancelled or Failed."""
        try:
            last = self._last_message()
        finally:
            self._client.close()
        self._emit(last)

    def _last_message(self) -> Message:
        tag = self._command.tag
        try:
            return ContentReady(tag, str(self._fetch()))
        except Exception as error:
            # Whatever breaks when the connection is broken off is what was asked for.
            if self._cancelled.is_set():
                return Cancelled(tag)
            return Failed(tag, self._as_sentence(error).to_json())

    def _fetch(self) -> Path:
        check_destination(self._target if self._saves_clip else self._target.parent, self._elsewhere)
        if self._is_folder and not self._saves_clip:
            check_new_folder(self._target)
        self._client.check()
        number = self._clip_number()
        while True:
            try:
                return self._receive(number)
            except ServerRefusedError as error:
                if error.code != "busy":
                    raise
            self._wait_for_turn()

    def _receive(self, number: int) -> Path:
        command = self._command
        save = save_clip if self._saves_clip else save_folder if self._is_folder else save_file
        key = uuid.uuid4().hex
        with ExitStack() as stack:
            with self._progress_told(key):
                answer = self._client.content(command.job, number, command.format, command.finishing, key)
                content = stack.enter_context(answer)
            return save(content, self._target, self._on_bytes)

    @contextmanager
    def _progress_told(self, key: str) -> Iterator[None]:
        """While the server is asked for the export with this key, tell from another thread how far it is."""
        over = threading.Event()
        # So that nothing is told any more once the answer is there, though nobody waits for the thread.
        lock = threading.Lock()

        def tell() -> None:
            told = None
            while not over.wait(_PROGRESS_INTERVAL_S):
                try:
                    progress = self._client.export_progress(key)
                except TransPixarError:
                    # Not begun, just done, or a server that knows no progress; the answer itself tells what is wrong.
                    continue
                with lock:
                    if progress not in (None, told) and not over.is_set():
                        self._emit(Exporting(self._command.tag, *progress))
                        told = progress

        threading.Thread(target=tell, name="progress", daemon=True).start()
        try:
            yield
        finally:
            with lock:
                over.set()

    @property
    def _saves_clip(self) -> bool:
        return self._command.format == CLIP_FORMAT

    @property
    def _is_folder(self) -> bool:
        return self._saves_clip or FORMATS[self._command.format].is_folder

    @property
    def _elsewhere(self) -> str:
        return CLIP_FOLDER if self._saves_clip else "another place"

    def _on_bytes(self, done: int, of: int | None) -> None:
        if self._cancelled.is_set():
            raise DownloadError("The export was cancelled.")
        # A pipe full of numbers that nobody can read so fast helps nobody.
        if done == of or time.monotonic() - self._reported_at > _REPORT_INTERVAL_S:
            self._reported_at = time.monotonic()
            self._emit(Receiving(self._command.tag, done, of))

    def _wait_for_turn(self) -> None:
        delay = self._backoff.next_delay()
        if delay is None:
            raise ServerRefusedError("The server has been busy with other exports for long. Try again later.")
        self._emit(Waiting(self._command.tag, delay))
        if self._cancelled.wait(delay):
            raise DownloadError("The export was cancelled.")

    def _clip_number(self) -> int:
        try:
            return self._client.clip_number(self._command.job, self._command.seed)
        except JobInterruptedError as error:
            raise ClipGoneError(
                f"The server at {self._client.url} does not have this clip any more, and only the server finishes "
                "and exports. The clip on this computer stays as it is; generate it again to finish it."
            ) from error

    def _as_sentence(self, error: Exception) -> TransPixarError:
        if isinstance(error, TransPixarError):
            return error
        if isinstance(error, OSError):
            return from_os_error(error, self._target.parent, self._elsewhere)
        return unexpected(error)
