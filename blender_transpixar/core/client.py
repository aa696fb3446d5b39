"""The server over HTTP. Runs in the courier process only: every call may wait."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import requests.auth

from .address import is_loopback
from .content import Content
from .errors import (
    DownloadError,
    InvalidRequestError,
    JobInterruptedError,
    NotATransPixarServerError,
    ServerBusyError,
    ServerNotRunningError,
    ServerRefusedError,
    ServerVersionError,
    TransPixarError,
)
from .interruptible import InterruptibleAdapter
from .job import Job
from .request import ClipRequest
from .sse import EventParser

API_VERSION = 1
CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 20.0
# The server looks at what was sent before it answers; a minute of video takes a while to decode.
UPLOAD_TIMEOUT_S = 300.0
# The server sends a ping while nothing happens; a stream silent for this long is dead.
EVENTS_TIMEOUT_S = 45.0
# The server answers when the whole clip is finished, which may take minutes for a long one.
CONTENT_TIMEOUT_S = 3600.0
_PIECE_SIZE = 1 << 18
# Too many requests, and a server (or what stands before it) that does not take any just now: asked again later.
_PASSING = (429, 502, 503, 504)


class _Bearer(requests.auth.AuthBase):
    """Shows the server's token. As `auth` and not as a header, which a .netrc file would replace."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ServerClient:
    """One server, one `requests.Session`. Methods raise the errors of `errors.py`.

    `token` is needed by a server that was started with one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        # A proxy of the environment must not see, and could not reach, this computer's own ports.
        self._session.trust_env = not is_loopback(url)
        self._adapter = InterruptibleAdapter()
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        if token is not None:
            self._session.auth = _Bearer(token)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._session.close()

    def hang_up(self) -> None:
        """Break off whatever another thread waits for, for good; its call raises. The server notices."""
        self._adapter.interrupt()

    def check(self) -> None:
        """Make sure that a TransPixar server of this API version answers."""
        self.status()

    def status(self) -> dict[str, Any]:
        """What the server says of itself, once it is sure to be a TransPixar server of this API version."""
        try:
            status = self._json(self._send("GET", "/v1/status"))
        except ServerRefusedError as error:
            # A code of its own, as for a missing token, is the contract's; without one, it is somebody else's refusal.
            if error.code != ServerRefusedError.code:
                raise
            raise self._other_program() from error
        if status.get("name") != "transpixar" or not isinstance(status.get("api"), int):
            raise self._other_program()
        if status["api"] != API_VERSION:
            older = "server" if status["api"] < API_VERSION else "add-on"
            raise ServerVersionError(
                f"The server at {self.url} is version {status.get('version', 'unknown')} and speaks API "
                f"{status['api']}; this add-on speaks API {API_VERSION}. Update the {older}."
            )
        return status

    def models(self) -> list[dict[str, Any]]:
        """The models on offer, as the server describes them."""
        return self._listed("/v1/models", "models")

    def manage_model(self, name: str, action: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Load, unload or (with the body of the route) accept the licences of a model; the model as it is then."""
        return self._json(self._send("POST", f"/v1/models/{quote(name, safe='')}/{action}", json=body))

    def upload(self, path: Path) -> str:
        """Send an image or a video; the id that a request names it by. Raises OSError when it cannot be read."""
        with path.open("rb") as file:
            sent = self._json(self._send("POST", "/v1/uploads", data=file, timeout=UPLOAD_TIMEOUT_S))
        if not isinstance(sent.get("id"), str):
            raise self._other_program()
        return str(sent["id"])

    def create(self, request: ClipRequest, key: str) -> tuple[Job, Mapping[str, Any]]:
        """Queue a clip, or find the one that was queued with this key; the job, parsed and as sent."""
        sent = self._json(self._send("POST", "/v1/videos", json=request.to_json(), headers={"Idempotency-Key": key}))
        return Job.from_json(sent), sent

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job."""
        self._send("POST", f"/v1/videos/{job_id}/cancel")

    def delete(self, job_id: str) -> None:
        """Remove a finished job and its clips from the server."""
        self._send("DELETE", f"/v1/videos/{job_id}")

    def events(
        self, job_id: str, after: str, on_contact: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Job, Mapping[str, Any], str]]:
        """The job's states after event id `after` ("" for the present state): parsed, as sent, and the event id.

        `on_contact` is called whenever anything arrives, pings included. Ends when the server closes the stream; raises
        ServerNotRunningError when the connection breaks.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        response = self._send(
            "GET", f"/v1/videos/{job_id}/events", headers=headers, stream=True, timeout=EVENTS_TIMEOUT_S
        )
        parser = EventParser(after)
        with response:
            for piece in self._pieces(response):
                on_contact()
                for event in parser.feed(piece):
                    if event.name == "job":
                        sent = _parsed(event.data, self._other_program())
                        yield Job.from_json(sent), sent, event.last_id

    def preview(self, url: str) -> bytes:
        """The preview's PNG; `url` is the path the job gave."""
        return self._send("GET", url).content

    def sidecar(self, job_id: str, clip: int) -> bytes:
        """The sidecar of a finished clip, counted from 1, byte for byte."""
        return self._send("GET", f"/v1/videos/{job_id}/sidecar?clip={clip}").content

    def frame(self, job_id: str, clip: int, number: int) -> bytes:
        """The PNG of frame `number` of a finished clip, both counted from 1."""
        return self._send("GET", f"/v1/videos/{job_id}/frames/{number}?clip={clip}").content

    def clip_number(self, job_id: str, seed: int | None) -> int:
        """The number of the job's clip that was made with this seed, counted from 1; 1 when none was."""
        clips = self._json(self._send("GET", f"/v1/videos/{job_id}")).get("clips")
        for clip in clips if isinstance(clips, list) else []:
            if isinstance(clip, dict) and clip.get("seed") == seed and isinstance(clip.get("index"), int):
                return int(clip["index"])
        return 1

    @contextmanager
    def content(
        self, job_id: str, clip: int, format_name: str, finishing: Mapping[str, Any] | None, key: str
    ) -> Iterator[Content]:
        """A clip in a hand-off format, after a recipe or raw; waits until the server has made it.

        Meanwhile another thread may ask for its `export_progress` by the new `key`.
        """
        body = {"clip": clip, "format": format_name, "finishing": finishing}
        response = self._send(
            "POST",
            f"/v1/videos/{job_id}/content",
            json=body,
            headers={"Export-Key": key},
            stream=True,
            timeout=CONTENT_TIMEOUT_S,
        )
        with response:
            yield Content.of(response.headers, self._pieces(response, _PIECE_SIZE))

    def export_progress(self, key: str) -> tuple[int, int] | None:
        """The frames that are written of the export with this key, and of how many; None before the first one."""
        told = self._json(self._send("GET", f"/v1/exports/{key}"))
        done, of = told.get("frames_done"), told.get("frames_total")
        return (done, of) if isinstance(done, int) and isinstance(of, int) else None

    def _send(self, method: str, path: str, *, timeout: float = ANSWER_TIMEOUT_S, **options: Any) -> requests.Response:
        if not path.startswith("/"):
            raise DownloadError("The server named an address outside of itself. Update the server.")
        try:
            response = self._session.request(
                method, self.url + path, timeout=(CONNECT_TIMEOUT_S, timeout), allow_redirects=False, **options
            )
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        if response.status_code >= 300:
            raise self._refusal(response)
        return response

    def _pieces(self, response: requests.Response, size: int | None = None) -> Iterator[bytes]:
        try:
            # None hands over each chunk as it arrives instead of filling a buffer first.
            yield from response.iter_content(size)
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def _json(self, response: requests.Response) -> dict[str, Any]:
        return _parsed(response.content, self._other_program())

    def _listed(self, path: str, name: str) -> list[dict[str, Any]]:
        listed = self._json(self._send("GET", path)).get(name)
        return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

    def _unreachable(self, error: requests.RequestException) -> TransPixarError:
        if _spoke_no_http(error):
            return self._other_program()
        if isinstance(error, requests.exceptions.SSLError):
            return ServerNotRunningError(
                f"No secure connection to {self.url} can be made ({_reason(error)}). Check its certificate, "
                "or the address in the add-on's preferences.",
                code="tls_failed",
            )
        if isinstance(error, requests.ReadTimeout):
            return ServerNotRunningError(
                f"The server at {self.url} accepts connections but does not answer. Restart it and try again.",
                code="no_answer",
            )
        return ServerNotRunningError(
            f"No server answers at {self.url}. Start it with `python -m server`, "
            "or correct the address in the add-on's preferences."
        )

    def _other_program(self) -> TransPixarError:
        return NotATransPixarServerError(
            f"Another program answers at {self.url}. Start the TransPixar server on a free port with "
            "`python -m server --port 8421` and enter that address in the add-on's preferences."
        )

    def _refusal(self, response: requests.Response) -> TransPixarError:
        """The error of a 3xx, 4xx or 5xx answer."""
        try:
            error = response.json()["error"]
            code, message, field = str(error["code"]), str(error["message"]), error.get("field")
        except (ValueError, KeyError, TypeError, AttributeError):
            refusal = ServerBusyError if response.status_code in _PASSING else ServerRefusedError
            return refusal(
                f"The server at {self.url} answered with HTTP status {response.status_code}. "
                "Look at its log, then try again.",
            )
        if response.status_code == 422:
            return InvalidRequestError(message, code=code, field=field)
        if response.status_code == 404:
            return JobInterruptedError(
                "The server no longer knows this clip, perhaps because it was started anew. Generate it again.",
                code=code,
            )
        if response.status_code in _PASSING:
            return ServerBusyError(message, code=code, field=field, retry_after=_retry_after(response))
        return ServerRefusedError(message, code=code, field=field)


def _parsed(text: str | bytes, otherwise: TransPixarError) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise otherwise from error
    if not isinstance(data, dict):
        raise otherwise
    return data


def _retry_after(response: requests.Response) -> float | None:
    """The seconds the server asks to wait; it never names a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _reason(error: BaseException) -> str:
    """The words of the innermost error that urllib3 has wrapped."""
    while isinstance(inner := getattr(error, "reason", None) or next(iter(error.args), None), BaseException):
        error = inner
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)


def _spoke_no_http(error: BaseException | None) -> bool:
    """Whether the other side answered, but not in HTTP. The cause lies deep inside of urllib3's wrapping."""
    seen: list[Any] = [error]
    while seen:
        current = seen.pop()
        if isinstance(current, http.client.HTTPException) and not isinstance(
            current, (http.client.RemoteDisconnected, http.client.IncompleteRead)
        ):
            return True
        if isinstance(current, BaseException):
            seen.extend(current.args)
    return False
