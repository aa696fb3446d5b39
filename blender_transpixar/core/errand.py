"""One errand of the courier: from a request to clips on disk, through every interruption."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .client import ServerClient
from .download import check_destination, download_clip
from .errors import (
    InvalidRequestError,
    JobFailedError,
    JobInterruptedError,
    ServerBusyError,
    ServerNotRunningError,
    ServerRefusedError,
    TransPixarError,
    from_os_error,
    unexpected,
)
from .history import History
from .history_entry import EntryState
from .job import Job, JobClip, JobState
from .logbook import Logbook
from .preview_file import PreviewFile
from .protocol import Cancelled, ClipReady, Done, Downloading, Failed, Generate, JobChanged, Message, Uploading
from .request import ClipRequest
from .server_wait import PATIENCE_S, CancelledByArtist, ServerWait

_FILES = ("first_frame", "footage")
_Emit = Callable[[Message], None]


class Errand:
    """Runs one Generate command to its end in a thread of the courier; every way out emits exactly one last message.

    `new_client` makes clients: the errand's own, whose connections are broken off when it has to end, and others that
    tell the server.
    """

    def __init__(
        self,
        command: Generate,
        new_client: Callable[[str], ServerClient],
        emit: _Emit,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = command
        self._request = dict(command.request)
        self._new_client = new_client
        self._server = command.server
        self._client = new_client(command.server)
        self._emit = emit
        history = None if command.history is None else History(Path(command.history))
        self._logbook = Logbook(history, command.key)
        self._wait = ServerWait(command.tag, command.server, emit, command.patient, patience_s)
        self._preview = PreviewFile(command, self._logbook, emit)
        self._job: Job | None = None
        self._job_as_sent: Mapping[str, Any] = {}
        self._last_event_id = ""
        self._brought: set[int] = set()
        self._was_posted = False

    def cancel(self) -> None:
        """Stop the errand; called from another thread. The server is told at once when it has the job."""
        self._wait.cancelled.set()
        if self._job is None:
            self._client.hang_up()
        elif not self._job.finished:
            with contextlib.suppress(TransPixarError):
                self._new_client(self._server).cancel(self._job.id)

    def move(self, server: str) -> None:
        """Go on with the same server at another address; called from another thread while the old one is silent."""
        self._server = self._wait.server = server
        self._client = self._new_client(server)
        self._logbook.note(server=server)
        self._wait.ask_now()

    def leave(self) -> None:
        """End the errand, but not the job, because Blender ends; what is not in the history is cancelled."""
        if not self._logbook.keeps:
            self.cancel()
            return
        self._wait.left.set()
        self._client.hang_up()

    def run(self) -> None:
        """Make the clips; ends with Done, Cancelled or Failed, or without a word when it was left."""
        if not self._logbook.begin():
            self._emit(Failed(self._command.tag, _followed_elsewhere().to_json()))
            return
        try:
            self._run()
        finally:
            self._logbook.end()
            self._client.close()

    def _run(self) -> None:
        tag = self._command.tag
        try:
            self._make_clips()
        except Exception as error:
            # Whatever breaks when a connection is broken off is what was asked for.
            if self._wait.left.is_set():
                return
            if self._wait.cancelled.is_set() or isinstance(error, CancelledByArtist):
                self._end_cancelled()
                return
            sentence = _as_sentence(error)
            self._logbook.failed(sentence, final=self._is_final(sentence))
            self._emit(Failed(tag, sentence.to_json()))
            if not isinstance(error, (TransPixarError, OSError)):
                raise
        else:
            self._logbook.ended(EntryState.DELIVERED)
            self._emit(Done(tag))

    def _make_clips(self) -> None:
        check_destination(Path(self._command.destination))
        self._wait.until_answered(lambda: self._client.check())
        if self._command.job is None:
            self._upload_files()
            self._create()
        job = self._follow(self._command.job or self._current.id)
        if job.state is JobState.CANCELLED:
            raise CancelledByArtist
        if job.state is JobState.INTERRUPTED:
            raise JobInterruptedError("The server was stopped twice while it made this clip. Generate it again.")
        if job.state is not JobState.SUCCEEDED:
            raise job.error or JobFailedError("The server could not make this clip. Look at its log, then try again.")
        if not self._brought:
            raise JobFailedError("The server finished the job without a clip. Update the server and try again.")

    def _upload_files(self) -> None:
        for name in _FILES:
            path = getattr(self._command, f"{name}_file")
            if path and name not in self._request:
                self._emit(Uploading(self._command.tag, name))
                self._request[name] = self._wait.until_answered(functools.partial(self._upload, name, Path(path)))
                # Before the request is sent: the same key must always come with the same body.
                self._logbook.note(request=self._request)

    def _upload(self, name: str, path: Path) -> str:
        try:
            return self._client.upload(path)
        except OSError as error:
            raise InvalidRequestError(
                f"{path} could not be read ({error.strerror or error}). Choose the file again.",
                code="upload_not_usable",
                field=name,
            ) from error

    def _create(self) -> None:
        try:
            self._post()
        except InvalidRequestError as error:
            sent = [name for name in _FILES if getattr(self._command, f"{name}_file") and name in self._request]
            if error.code != "unknown_upload" or not sent:
                raise
            # The server has removed it meanwhile. Its id is its content's, so the body stays the same.
            before = {name: self._request.pop(name) for name in sent}
            self._upload_files()
            for name, upload in before.items():
                if self._request[name] != upload:
                    raise InvalidRequestError(
                        f"{getattr(self._command, f'{name}_file')} is not the file any more that this clip was made "
                        "from. Put that file back, or generate a new clip from this one.",
                        code="upload_not_usable",
                        field=name,
                    ) from error
            self._post()

    def _post(self) -> None:
        def post() -> tuple[Job, Mapping[str, Any]]:
            self._was_posted = True
            return self._client.create(ClipRequest.from_json(self._request), self._command.key)

        self._take(*self._wait.until_answered(post))
        self._wait.accepted = True
        self._logbook.note(job=self._current.id)
        if self._wait.cancelled.is_set():
            self._new_client(self._server).cancel(self._current.id)

    def _follow(self, job_id: str) -> Job:
        """Follow the job's events to its end, reconnecting where the stream broke off; bring its clips on the way."""
        self._wait.accepted = True
        while True:
            problem: TransPixarError = ServerNotRunningError(f"The server at {self._server} fell silent.")
            try:
                for job, sent, event_id in self._client.events(job_id, self._last_event_id, self._on_contact):
                    self._last_event_id = event_id
                    self._take(job, sent)
                    self._bring(job)
                    if job.finished:
                        return job
                    self._preview.fetch(self._client, job)
            except TransPixarError as error:
                # Gone, or just starting or stopping: both pass.
                if not isinstance(error, (ServerNotRunningError, ServerRefusedError)) and not self._wait.passes(error):
                    raise
                problem = error
            self._wait.before_asking_again(problem)

    def _bring(self, job: Job) -> None:
        """Bring the clips that are new; one that breaks off is begun anew."""
        for clip in job.clips:
            if clip.index in self._brought:
                continue
            folder = self._wait.until_answered(functools.partial(self._download, job, clip))
            self._brought.add(clip.index)
            self._logbook.keep(clip, folder)
            self._emit(ClipReady(self._command.tag, str(folder), clip.index, clip.seed))

    def _download(self, job: Job, clip: JobClip) -> Path:
        return download_clip(self._client, job.id, clip, Path(self._command.destination), self._on_frame)

    def _take(self, job: Job, sent: Mapping[str, Any]) -> None:
        self._job, self._job_as_sent = job, sent
        self._logbook.warnings = job.warnings
        self._emit(JobChanged(self._command.tag, sent))

    @property
    def _current(self) -> Job:
        assert self._job is not None
        return self._job

    def _on_contact(self) -> None:
        if self._wait.answered() and self._job is not None:
            # Nothing may have changed meanwhile, so the server need not say anything: repeat what is known.
            self._emit(JobChanged(self._command.tag, self._job_as_sent))

    def _on_frame(self, done: int, of: int) -> None:
        self._wait.answered()
        self._emit(Downloading(self._command.tag, done, of))
        self._wait.stop_if_ended()

    def _end_cancelled(self) -> None:
        self._logbook.ended(EntryState.CANCELLED)
        self._emit(Cancelled(self._command.tag))
        if self._was_posted or self._command.job is not None:
            self._make_sure_server_knows()

    def _make_sure_server_knows(self) -> None:
        """Cancel a job that the server may still have, as soon as it can be reached and for as long as Blender runs."""
        if self._job is not None and self._job.finished:
            return
        client = self._new_client(self._server)
        while not self._wait.left.is_set():
            try:
                client.cancel(self._known_job(client))
                return
            except (ServerNotRunningError, ServerBusyError):
                self._wait.pause()
            except TransPixarError:
                return

    def _known_job(self, client: ServerClient) -> str:
        if self._job is not None or self._command.job is not None:
            return self._command.job or self._current.id
        # The answer was lost; the key tells which job it is.
        return client.create(ClipRequest.from_json(self._request), self._command.key)[0].id

    def _is_final(self, error: TransPixarError) -> bool:
        """Whether the wish is settled; otherwise, as with a full disk, the clips can still be brought."""
        accepted = self._job is not None or self._command.job is not None
        return not accepted or isinstance(error, (JobFailedError, JobInterruptedError, InvalidRequestError))


def _followed_elsewhere() -> TransPixarError:
    return TransPixarError(
        "Another Blender follows this clip. It will be in the list when it is done.", code="followed_elsewhere"
    )


def _as_sentence(error: Exception) -> TransPixarError:
    if isinstance(error, TransPixarError):
        return error
    return from_os_error(error, Path()) if isinstance(error, OSError) else unexpected(error)
