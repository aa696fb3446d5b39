"""A client of the server for scripts: create a video, follow it, download its clip."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from server import API_VERSION
from server.media.clip import new_folder, write_synced
from server.media.naming import frame_name, partial_name

Json = dict[str, Any]

# Seconds to connect, and without a byte: the server sends a ping every 15 s.
_TIMEOUT = (3, 40)
_RECONNECTS = 5
# The chunk size with which requests hands over what has come: any number would wait for so many bytes.
_AS_IT_COMES: Any = None


class ClientError(Exception):
    """Something that a person must be told; the message says what to do. `code` is stable."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class JobFailed(ClientError):
    """A job that has ended without a clip."""


class Client:
    """Talks to the server at `url`.

    Every method raises ClientError: with the server's own code when it refuses something, with `server_unreachable`
    when it does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A proxy of the environment has no business between two programs on one machine.
        self._session.trust_env = False

    def check_version(self) -> Json:
        """The server's status. Raises ClientError `wrong_server` when it is another program or another version."""
        status = self._json("GET", "/v1/status")
        if status.get("name") != "transpixar" or status.get("api") != API_VERSION:
            message = (
                f"The server at {self.url} speaks version {status.get('api')} of the API, this program version "
                f"{API_VERSION}; install the same version of both."
            )
            raise ClientError("wrong_server", message)
        return status

    def models(self) -> list[Json]:
        """The models on offer."""
        models: list[Json] = self._json("GET", "/v1/models")["models"]
        return models

    def create(self, prompt: str, **fields: Any) -> Json:
        """Ask for a video; `fields` are those of the request. Returns its job."""
        return self._json("POST", "/v1/videos", json={"prompt": prompt, **fields})

    def list(self) -> list[Json]:
        """All jobs, the newest first."""
        jobs: list[Json] = self._json("GET", "/v1/videos")["videos"]
        return jobs

    def get(self, job_id: str) -> Json:
        """One job as it is now."""
        return self._json("GET", f"/v1/videos/{job_id}")

    def cancel(self, job_id: str) -> Json:
        """Ask for a job to be stopped. Returns the job, which may not have stopped yet."""
        return self._json("POST", f"/v1/videos/{job_id}/cancel")

    def follow(self, job_id: str) -> Iterator[Json]:
        """The job at each of its changes until it has ended. A broken connection is taken up where it was."""
        last_id: str | None = None
        failures = 0
        while True:
            problem: Exception | None = None
            try:
                for event_id, job in self._events(job_id, last_id):
                    last_id, failures = event_id, 0
                    yield job
                    if job["finished"]:
                        return
            except requests.RequestException as error:
                problem = error
            failures += 1
            if failures > _RECONNECTS:
                raise self._unreachable() from problem
            time.sleep(0.2 * failures)

    def frame(self, job_id: str, number: int) -> bytes:
        """Frame `number` (1-based) of a finished clip, a PNG file."""
        return self._answer("GET", f"/v1/videos/{job_id}/frames/{number}").content

    def sidecar(self, job_id: str) -> bytes:
        """The sidecar of a finished clip, a JSON file."""
        return self._answer("GET", f"/v1/videos/{job_id}/sidecar").content

    def download(self, job: Json, directory: Path) -> Path:
        """Put the clip of a finished job into `directory`, under its own name, complete or not at all.

        Returns the clip's folder. Raises ClientError as well when a frame is damaged, and OSError.
        """
        clip = job["clips"][0]
        # Names without their folders, whatever the server says: nothing is written outside of `directory`.
        folder, sidecar_file = directory / Path(clip["name"]).name, Path(clip["sidecar"]).name
        if folder.exists():
            message = f"{folder} exists already; move it away or choose another folder."
            raise ClientError("clip_exists", message)
        sidecar = self.sidecar(job["id"])
        sha256 = json.loads(sidecar)["sha256"]
        with new_folder(folder, directory / partial_name(job["id"])) as temporary:
            for number in range(1, clip["frame_count"] + 1):
                name, data = frame_name(number), self.frame(job["id"], number)
                if hashlib.sha256(data).hexdigest() != sha256[name]:
                    raise ClientError(
                        "frame_damaged", f"Frame {name} has changed on the server; generate the clip again."
                    )
                write_synced(temporary / name, data)
            write_synced(temporary / sidecar_file, sidecar)
        return folder

    def _events(self, job_id: str, last_id: str | None) -> Iterator[tuple[str, Json]]:
        """The events of one connection: their ids and jobs. Raises requests.RequestException when it breaks."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        url = f"{self.url}/v1/videos/{job_id}/events"
        with self._session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
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

    def _json(self, method: str, path: str, **options: Any) -> Json:
        answer = self._answer(method, path, **options)
        try:
            found: Json = answer.json()
        except ValueError:
            raise ClientError("wrong_server", f"What answers at {self.url} is no TransPixar server.") from None
        return found

    def _answer(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            answer = self._session.request(method, self.url + path, timeout=_TIMEOUT, **options)
        except requests.RequestException as error:
            raise self._unreachable() from error
        self._check(answer)
        return answer

    def _check(self, answer: requests.Response) -> None:
        if answer.ok:
            return
        try:
            error = answer.json()["error"]
            problem = ClientError(error["code"], error["message"], error["field"])
        except (ValueError, KeyError, TypeError):
            problem = ClientError("wrong_server", f"What answers at {self.url} is no TransPixar server.")
        raise problem

    def _unreachable(self) -> ClientError:
        message = f"The server at {self.url} does not answer; start it with `python -m server`."
        return ClientError("server_unreachable", message)
