"""A client of the server for scripts.

Make two clips of one prompt and put them into a folder:

    from pathlib import Path
    from server.client import Client

    client = Client()  # the server that runs on this machine
    job = client.create("orange fire", num_clips=2, seed=7)
    for job in client.follow(job["id"]):
        print(job["state"], job["progress"]["step"], "of", job["progress"]["of"])
    if job["state"] == "succeeded":
        for folder in client.download(job, Path("clips")):
            print(folder)

Jobs, models and uploads are dictionaries as docs/api.md has them. Requests go through `server.connection`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from server import API_VERSION, access_token, instance
from server.address import BadAddress, normalised
from server.connection import ClientError, Connection, Json, Patience
from server.downloads import require_absent, save_body
from server.files import new_folder
from server.media.naming import frame_name, partial_name

# Inspecting a large upload takes the server as long as decoding it.
_INSPECTION_SECONDS = 120.0
# Nothing comes before the whole clip is written, which the slowest formats take long for.
_EXPORT_SECONDS = 3600.0
# Less than the contract's 60, so that proxies on the way keep the connection.
_WAIT_SECONDS = 25


class JobFailed(ClientError):
    """A job that has ended without its clips."""


def find_server(data_dir: Path | None = None) -> tuple[str, str | None]:
    """The URL of the server that runs on a data folder, the user's own by default, and its token if it needs one.

    Raises ClientError (`server_not_found`, `token_unreadable`).
    """
    record = instance.read_record(data_dir or _data_dir())
    if record is None:
        raise ClientError("server_not_found", "No server is running; start it with `python -m server`.")
    if record.token_file is None:
        return record.url, None
    try:
        return record.url, access_token.read_token(Path(record.token_file))
    except access_token.TokenUnreadable as error:
        raise ClientError("token_unreadable", str(error)) from error


class Client:
    """Talks to the server at `url`, or to the one that runs on this machine.

    `token` is what the server was started with, if it was; TRANSPIXAR_TOKEN in the environment when it is None.
    A server that is silent, because it is started anew, is waited for `patience` seconds by `create`, `wait` and
    `follow`. Every method raises ClientError: with the server's own code when it refuses something, with
    `server_unreachable` when it does not answer.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, patience: float = 10.0) -> None:
        if url is None:
            url, found = find_server()
            token = token or found
        try:
            self._connection = Connection(normalised(url), access_token.callers_token(token))
        except BadAddress as error:
            raise ClientError("bad_address", str(error)) from None
        except access_token.TokenUnreadable as error:
            raise ClientError("token_unreadable", str(error)) from None
        self._patience = patience

    @property
    def url(self) -> str:
        """The server's address."""
        return self._connection.url

    def check_version(self) -> Json:
        """The server's status. Raises ClientError `wrong_server` when it is another program or another version."""
        status = self._connection.json("GET", "/v1/status")
        if status.get("name") != "transpixar" or status.get("api") != API_VERSION:
            message = (
                f"The server at {self.url} speaks version {status.get('api')} of the API, this program version "
                f"{API_VERSION}; install the same version of both."
            )
            raise ClientError("wrong_server", message)
        return status

    def create(self, prompt: str, *, idempotency_key: str | None = None, **fields: Any) -> Json:
        """Ask for a video; `fields` are those of the request. Returns its job.

        With an `idempotency_key`, or with the one that is drawn, repeating the call makes no second job: it is repeated
        while the server is silent.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
        patience = Patience(self._patience)
        while True:
            try:
                return self._connection.json("POST", "/v1/videos", json={"prompt": prompt, **fields}, headers=headers)
            except ClientError as error:
                if error.code not in ("server_unreachable", "stopping") or not patience.pause():
                    raise

    def get(self, job_id: str) -> Json:
        """One job as it is now."""
        return self._connection.json("GET", _job(job_id))

    def wait(self, job_id: str) -> Json:
        """Wait until a job is finished and return it."""
        patience, job = Patience(self._patience), self.get(job_id)
        while not job["finished"]:
            query = {"wait": _WAIT_SECONDS, "after": job["sequence"]}
            try:
                job = self._connection.json("GET", _job(job_id), params=query)
                patience.contact()
            except ClientError as error:
                if error.code != "server_unreachable" or not patience.pause():
                    raise
        return job

    def follow(self, job_id: str) -> Iterator[Json]:
        """The job at each of its changes until it is finished. A broken connection is taken up where it was."""
        patience = Patience(self._patience)
        seen: str | None = None
        while True:
            try:
                for event_id, job in self._connection.events(f"{_job(job_id)}/events", seen):
                    seen = event_id
                    patience.contact()
                    yield job
                    if job["finished"]:
                        return
                # The server has ended the stream, because it stops.
                if not patience.pause():
                    raise self._connection.unreachable()
            except ClientError as error:
                if error.code != "server_unreachable" or not patience.pause():
                    raise

    def cancel(self, job_id: str) -> Json:
        """Ask for a job to be stopped. Returns the job, which may not have stopped yet."""
        return self._connection.json("POST", f"{_job(job_id)}/cancel")

    def pin(self, job_id: str, pinned: bool = True) -> Json:
        """Keep a job from the server's limits on age and size, or not any more. Returns the job."""
        return self._connection.json("POST", f"{_job(job_id)}/{'pin' if pinned else 'unpin'}")

    def delete(self, job_id: str) -> None:
        """Remove a finished job and its clips."""
        self._connection.answer("DELETE", _job(job_id))

    def frame(self, job_id: str, number: int, clip: int = 1) -> bytes:
        """Frame `number` (1-based) of clip `clip` (1-based) of a job, a PNG file."""
        return self._connection.answer("GET", f"{_job(job_id)}/frames/{number}", params={"clip": clip}).content

    def sidecar(self, job_id: str, clip: int = 1) -> bytes:
        """The sidecar of clip `clip` (1-based) of a job, a JSON file."""
        return self._connection.answer("GET", f"{_job(job_id)}/sidecar", params={"clip": clip}).content

    def formats(self) -> Json:
        """The formats that `content` can make, and the JSON schema of a finishing recipe."""
        return self._connection.json("GET", "/v1/formats")

    def content(
        self,
        job_id: str,
        format: str,
        path: Path,
        clip: int = 1,
        finishing: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Path:
        """Write clip `clip` (1-based) of a job in a format to the file `path`, complete or not at all.

        When `path` is a folder, the file goes into it under the server's name. Formats of many files come in one zip.
        `finishing` is a recipe, what is done to the clip before. Meanwhile another client's `export(key)` tells how far
        that is. Returns the file. Raises ClientError, `file_exists` when it is there, and OSError.
        """
        # Before the server works for nothing.
        require_absent(path)
        wish = {"clip": clip, "format": format, "finishing": finishing}
        headers = {} if key is None else {"Export-Key": key}
        with self._connection.body(
            "POST", f"{_job(job_id)}/content", json=wish, headers=headers, seconds=_EXPORT_SECONDS
        ) as body:
            return save_body(body, path)

    def export(self, key: str) -> Json:
        """How far the export with a key is. Raises ClientError, `not_found` when none is at work."""
        return self._connection.json("GET", f"/v1/exports/{quote(key, safe='')}")

    def download(self, job: Json, directory: Path) -> list[Path]:
        """Put the clips that a job has into `directory`, under their own names, each complete or not at all.

        Returns the clips' folders. Raises ClientError also when a frame is damaged, and OSError.
        """
        return [self._download_clip(job["id"], clip, directory) for clip in job["clips"]]

    def upload(self, file: Path) -> Json:
        """Send an image or a video; its `id` goes into a request as `first_frame` or `footage`. Raises OSError too."""
        with file.open("rb") as data:
            return self._connection.json("POST", "/v1/uploads", data=data, seconds=_INSPECTION_SECONDS)

    def delete_upload(self, upload_id: str) -> None:
        """Remove an upload that no unfinished job needs."""
        self._connection.answer("DELETE", f"/v1/uploads/{quote(upload_id, safe='')}")

    def models(self) -> list[Json]:
        """The models on offer."""
        models: list[Json] = self._connection.json("GET", "/v1/models")["models"]
        return models

    def accept_licences(self, model: str, licences: list[str]) -> Json:
        """Accept the licences of a model, by their ids. Returns the model."""
        return self._connection.json("POST", f"{_model(model)}/accept-licences", json={"licences": licences})

    def load(self, model: str) -> Json:
        """Bring a model into memory, downloading what is missing. Returns the model, which may not be there yet."""
        return self._connection.json("POST", f"{_model(model)}/load")

    def unload(self, model: str) -> Json:
        """Give back a model's memory when no job needs it any more. Returns the model."""
        return self._connection.json("POST", f"{_model(model)}/unload")

    def style_loras(self) -> list[str]:
        """The names of the style LoRAs on offer."""
        return [lora["name"] for lora in self._connection.json("GET", "/v1/style-loras")["style_loras"]]

    # After the methods that return lists: from here on, the name means this one.
    def list(self, state: str | None = None, limit: int | None = None) -> list[Json]:
        """The jobs, the newest first: all, or those in `state`, at most `limit`."""
        jobs: list[Json] = []
        before: str | None = None
        while limit is None or len(jobs) < limit:
            wanted = 200 if limit is None else min(limit - len(jobs), 200)
            query = {"limit": wanted, "before": before, "state": state}
            page = self._connection.json("GET", "/v1/videos", params=query)
            jobs += page["videos"]
            before = page["next"]
            if before is None:
                break
        return jobs

    def _download_clip(self, job_id: str, clip: Json, directory: Path) -> Path:
        # Names without their folders, whatever the server says: nothing is written outside of `directory`.
        folder, sidecar_file = directory / Path(clip["name"]).name, Path(clip["sidecar"]).name
        if folder.exists():
            message = f"{folder} exists already; move it away or choose another folder."
            raise ClientError("clip_exists", message)
        sidecar = self.sidecar(job_id, clip["index"])
        sha256 = json.loads(sidecar)["sha256"]
        with new_folder(folder, directory / partial_name(job_id)) as temporary:
            for number in range(1, clip["frame_count"] + 1):
                name, data = frame_name(number), self.frame(job_id, number, clip["index"])
                if hashlib.sha256(data).hexdigest() != sha256[name]:
                    raise ClientError(
                        "frame_damaged", f"Frame {name} has changed on the server; generate the clip again."
                    )
                (temporary / name).write_bytes(data)
            (temporary / sidecar_file).write_bytes(sidecar)
        return folder


def _data_dir() -> Path:
    # Here and not above: settings bring the web framework's libraries, which a script may do without.
    from server.settings import user_data_dir

    chosen = os.environ.get("TRANSPIXAR_DATA_DIR")
    return Path(chosen) if chosen else user_data_dir()


def _job(job_id: str) -> str:
    return f"/v1/videos/{quote(job_id, safe='')}"


def _model(name: str) -> str:
    return f"/v1/models/{quote(name, safe='')}"
