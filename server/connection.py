"""HTTP calls to the server: the token, answers and errors, event streams."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.auth

Json = dict[str, Any]

# Seconds to connect, and without a byte: the server sends a ping every 15 s.
_TIMEOUT = (3.0, 40.0)
# The chunk size with which requests hands over what has come: any number would wait for so many bytes.
_AS_IT_COMES: Any = None
_PIECE = 1 << 18
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)


class ClientError(Exception):
    """Something that a person must be told; the message says what to do. `code` is stable.

    `retry_after` is how many seconds to wait before another try, where the server says that one may help.
    """

    def __init__(self, code: str, message: str, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.retry_after = retry_after


class Patience:
    """How long to go on calling a silent server: `seconds` without contact, with growing pauses."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._tries = 0

    def contact(self) -> None:
        """The server has answered."""
        self._since, self._tries = None, 0

    def pause(self) -> bool:
        """Wait before the next try. Returns False, without waiting, when patience is at its end."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            return False
        time.sleep(_RETRY_SECONDS[min(self._tries, len(_RETRY_SECONDS) - 1)])
        self._tries += 1
        return True


@dataclass(frozen=True)
class Body:
    """The body of an answer: the name of the file that it is, without folders, and its contents in pieces."""

    name: str
    pieces: Iterator[bytes]


class Connection:
    """Calls the server at `url`. Every method raises ClientError, `server_unreachable` when nothing answers."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A proxy of the environment has no business between two programs on one machine.
        self._session.trust_env = False
        self._session.auth = _Bearer(token)

    def close(self) -> None:
        """Close the connections that are kept for the next call."""
        self._session.close()

    def json(self, method: str, path: str, **options: Any) -> Json:
        """The JSON object that a call answers with."""
        answer = self.answer(method, path, **options)
        try:
            found: Json = answer.json()
        except ValueError:
            raise self.wrong_server() from None
        return found

    def answer(self, method: str, path: str, *, seconds: float = 0.0, **options: Any) -> requests.Response:
        """The answer to a call that may take `seconds` longer than usual."""
        timeout = (_TIMEOUT[0], _TIMEOUT[1] + seconds)
        try:
            answer = self._session.request(method, self.url + path, timeout=timeout, **options)
        except requests.RequestException as error:
            raise self.unreachable() from error
        self._check(answer)
        return answer

    @contextmanager
    def body(self, method: str, path: str, *, seconds: float = 0.0, **options: Any) -> Iterator[Body]:
        """The answer to a call whose body is read in pieces; see `answer`."""
        with self.answer(method, path, seconds=seconds, stream=True, **options) as answer:
            yield Body(_file_name(answer), self._pieces(answer))

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(_PIECE)
        except requests.RequestException as error:
            raise self.unreachable() from error

    def events(self, path: str, last_id: str | None) -> Iterator[tuple[str, Json]]:
        """The events of one stream after the one with `last_id`: their ids and data.

        Raises ClientError (`server_unreachable`) also when the connection breaks.
        """
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            with self._session.get(self.url + path, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
                self._check(answer)
                event: dict[str, str] = {}
                # Bytes, because text would also be split at Unicode's line separators, which a prompt may hold.
                for line in answer.iter_lines(chunk_size=_AS_IT_COMES):
                    name, _, value = line.decode("utf-8").partition(": ")
                    if name:
                        event[name] = value
                    elif not line and "data" in event:
                        yield event["id"], json.loads(event["data"])
                        event = {}
        except requests.RequestException as error:
            raise self.unreachable() from error

    def _check(self, answer: requests.Response) -> None:
        if answer.ok:
            return
        wait = answer.headers.get("Retry-After", "")
        try:
            error = answer.json()["error"]
            problem = ClientError(
                error["code"], error["message"], error["field"], int(wait) if wait.isdigit() else None
            )
        except (ValueError, KeyError, TypeError):
            problem = self.wrong_server()
        raise problem

    def wrong_server(self) -> ClientError:
        """The error for an answer that is none of this contract."""
        path = urlsplit(self.url).path
        hint = f" Leave the path {path} out, unless another server hands calls on from there." if path else ""
        return ClientError("wrong_server", f"What answers at {self.url} is no TransPixar server.{hint}")

    def unreachable(self) -> ClientError:
        """The error for no answer."""
        message = f"The server at {self.url} does not answer; start it with `python -m server`."
        return ClientError("server_unreachable", message)


def _file_name(answer: requests.Response) -> str:
    header = Message()
    header["Content-Disposition"] = answer.headers.get("Content-Disposition", "")
    # Whatever the server says: on no system does this lead into another folder.
    return PurePosixPath(PureWindowsPath(header.get_filename("")).name).name or "content"


class _Bearer(requests.auth.AuthBase):
    """Shows the token, if there is one."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
