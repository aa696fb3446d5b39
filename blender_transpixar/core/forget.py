"""Removing what a deleted entry of the history left: the server's job, and the clips if they are to go too."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from .backoff import Backoff
from .client import ServerClient
from .clip import Clip
from .errors import InvalidClipError, ServerBusyError, ServerNotRunningError, TransPixarError
from .protocol import Done, Forget, Message
from .server_wait import PATIENCE_S


class ForgetErrand:
    """Runs one Forget command; a server that cannot be reached keeps its job until its own limits remove it."""

    def __init__(
        self,
        command: Forget,
        client: ServerClient,
        emit: Callable[[Message], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = command
        self._client = client
        self._emit = emit
        self._backoff = Backoff(patience_s)
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop trying."""
        self._cancelled.set()
        self._client.hang_up()

    def run(self) -> None:
        """Forget; ends with Done."""
        for folder in self._command.folders:
            remove_clip(Path(folder), self._command.job)
        if self._command.job:
            self._delete_job()
        self._client.close()
        self._emit(Done(self._command.tag))

    def _delete_job(self) -> None:
        while not self._cancelled.is_set():
            try:
                self._client.delete(self._command.job)
                return
            except (ServerNotRunningError, ServerBusyError):
                delay = self._backoff.next_delay()
                if delay is None or self._cancelled.wait(delay):
                    return
            except TransPixarError:
                # Gone already, pinned, or at work after all: the server's to keep.
                return


def remove_clip(folder: Path, job_id: str) -> None:
    """Remove the files of a job's clip, and its folder unless something else lies in it. Anything else stays."""
    try:
        clip = Clip.open(folder)
    except InvalidClipError:
        return
    if clip.sidecar.job != job_id:
        return
    with contextlib.suppress(OSError):
        # The sidecar last: a folder that was emptied halfway is still known for what it is.
        for name in clip.sidecar.frame_names():
            (clip.folder / name).unlink(missing_ok=True)
        clip.sidecar_path.unlink()
        clip.folder.rmdir()
