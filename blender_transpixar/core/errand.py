"""One errand of the courier: from a request to a clip on disk, through every interruption."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .backoff import Backoff
from .client import ServerClient
from .download import check_destination, download_clip
from .errors import (
    DisconnectedError,
    JobFailedError,
    JobInterruptedError,
    ServerNotRunningError,
    ServerRefusedError,
    TransPixarError,
    from_os_error,
    unexpected,
)
from .job import Job, JobState
from .png import decode_rgba, premultiplied_bottom_up
from .protocol import (
    Cancelled,
    ClipReady,
    Downloading,
    Failed,
    Generate,
    JobChanged,
    Message,
    PreviewReady,
    Reconnecting,
)
from .request import ClipRequest

# A server that is restarted by hand is back within this time.
PATIENCE_S = 120.0


class _CancelledByArtist(Exception):
    """Unwinds an errand that was cancelled."""


class Errand:
    """Runs one Generate command to its end in a thread of the courier; every way out emits exactly one last message."""

    def __init__(
        self,
        command: Generate,
        client: ServerClient,
        emit: Callable[[Message], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = command
        self._client = client
        self._emit = emit
        self._backoff = Backoff(patience_s)
        self._cancelled = threading.Event()
        self._job: Job | None = None
        self._job_as_sent: Mapping[str, Any] = {}
        self._last_event_id = ""
        self._out_of_reach = False
        self._shown_preview: str | None = None

    def cancel(self) -> None:
        """Stop the errand; called from another thread. The server is told at once when it has the job."""
        self._cancelled.set()
        if self._job is not None and not self._job.finished:
            self._tell_server_to_cancel(self._job.id)

    def run(self) -> None:
        """Make the clip; ends with ClipReady, Cancelled or Failed."""
        tag = self._command.tag
        try:
            self._emit(ClipReady(tag, str(self._make_clip())))
        except _CancelledByArtist:
            self._emit(Cancelled(tag))
        except TransPixarError as error:
            self._emit(Failed(tag, error.to_json()))
        except Exception as error:
            self._emit(Failed(tag, _unexpected(error).to_json()))
            raise

    def _make_clip(self) -> Path:
        check_destination(Path(self._command.destination))
        self._client.check()
        self._stop_if_cancelled()
        self._job, self._job_as_sent = self._client.create(ClipRequest.from_json(self._command.request))
        self._emit(JobChanged(self._command.tag, self._job_as_sent))
        if self._cancelled.is_set():
            self._tell_server_to_cancel(self._job.id)
        job = self._follow(self._job.id)
        if job.state is JobState.SUCCEEDED:
            return self._download(job)
        if job.state is JobState.CANCELLED:
            raise _CancelledByArtist
        if job.state is JobState.INTERRUPTED:
            raise JobInterruptedError("The server was stopped twice while it made this clip. Generate it again.")
        raise job.error or JobFailedError("The server could not make this clip. Look at its log, then try again.")

    def _follow(self, job_id: str) -> Job:
        """Follow the job's events to its end, reconnecting where the stream broke off."""
        while True:
            try:
                for job, sent, event_id in self._client.events(job_id, self._last_event_id, self._on_contact):
                    self._job, self._job_as_sent, self._last_event_id = job, sent, event_id
                    self._emit(JobChanged(self._command.tag, sent))
                    if job.finished:
                        return job
                    self._fetch_preview(job)
            except (ServerNotRunningError, ServerRefusedError):
                # Gone, or just starting or stopping: both pass.
                pass
            self._wait_for_server()

    def _download(self, job: Job) -> Path:
        """Fetch the clip; a connection lost on the way starts the download anew."""
        while True:
            try:
                return download_clip(self._client, job, Path(self._command.destination), self._on_frame)
            except ServerNotRunningError:
                self._wait_for_server()

    def _on_contact(self) -> None:
        self._backoff.succeeded()
        if self._out_of_reach:
            # Nothing may have changed meanwhile, so the server need not say anything: repeat what is known.
            self._out_of_reach = False
            self._emit(JobChanged(self._command.tag, self._job_as_sent))

    def _on_frame(self, done: int, of: int) -> None:
        self._backoff.succeeded()
        self._emit(Downloading(self._command.tag, done, of))
        self._stop_if_cancelled()

    def _wait_for_server(self) -> None:
        self._stop_if_cancelled()
        delay = self._backoff.next_delay()
        if delay is None:
            raise DisconnectedError(
                f"The server at {self._client.url} stopped answering while the clip was being made. "
                "Start it with `python -m server` and generate the clip again."
            )
        self._out_of_reach = True
        self._emit(Reconnecting(self._command.tag, delay))
        self._cancelled.wait(delay)
        self._stop_if_cancelled()

    def _fetch_preview(self, job: Job) -> None:
        """Lay the job's newest preview down as raw pixels; a preview that fails is left out, never an error."""
        if job.preview_url is None or job.preview_url == self._shown_preview:
            return
        path = Path(self._command.preview_folder) / f"{job.id}_{job.preview_step}.rgba"
        try:
            pixels = premultiplied_bottom_up(decode_rgba(self._client.preview(job.preview_url)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pixels.tobytes())
        except (TransPixarError, ValueError, OSError):
            return
        self._shown_preview = job.preview_url
        height, width = pixels.shape[:2]
        self._emit(PreviewReady(self._command.tag, str(path), width, height, job.preview_step))

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise _CancelledByArtist

    def _tell_server_to_cancel(self, job_id: str) -> None:
        # When the server is out of reach the errand ends all the same, as soon as it notices.
        with contextlib.suppress(TransPixarError):
            self._client.cancel(job_id)


def _unexpected(error: Exception) -> TransPixarError:
    return from_os_error(error, Path()) if isinstance(error, OSError) else unexpected(error)
