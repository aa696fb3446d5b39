"""`python -m server generate`: clips from a prompt into a folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from tqdm import tqdm

from server.client import Client, ClientError, JobFailed
from server.commands.generate_options import Json, make_parser, request_fields
from server.files import is_full
from server.launch import ServerNotStarted, ServerProcess

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended


def main(arguments: list[str]) -> int:
    """Generate clips from a prompt into a folder; each clip's folder is printed."""
    options = make_parser(main.__doc__).parse_args(arguments)
    try:
        with _server(options) as client:
            _generate(client, options)
    except (ClientError, ServerNotStarted) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(_sentence(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 0


def _sentence(error: OSError) -> str:
    if is_full(error):
        return f"The disk is full ({error.strerror}); make room, or choose another folder with --out."
    return f"A file cannot be read or written ({error}); choose another one."


def _generate(client: Client, options: argparse.Namespace) -> None:
    """Make the clips over HTTP and print their folders. Raises ClientError, OSError and KeyboardInterrupt."""
    client.check_version()
    fields = request_fields(options)
    for field, file in (("first_frame", options.image), ("footage", options.footage)):
        if file is not None:
            fields[field] = client.upload(file)["id"]
    key = uuid4().hex
    try:
        job = _show_progress(client, client.create(options.prompt, idempotency_key=key, **fields))
    except KeyboardInterrupt:
        with contextlib.suppress(ClientError):
            # Ctrl+C may have come before the answer did; asked again, the same key gives the same job.
            job = client.create(options.prompt, idempotency_key=key, **fields)
            client.cancel(job["id"])
        raise
    for warning in job["warnings"]:
        print(warning, file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    # Also of a job that has failed: the clips that are there took their time.
    for folder in client.download(job, options.out):
        print(folder)
    if job["state"] != "succeeded":
        error = job["error"] or {"code": job["state"], "message": f"The video was {job['state']}."}
        raise JobFailed(error["code"], error["message"])


def _show_progress(client: Client, job: Json) -> Json:
    """Follow a job with a progress bar until it is finished. Returns the job then."""
    steps = job["progress"]["of"]
    with tqdm(total=steps * job["progress"]["of_clips"], unit="step", file=sys.stderr) as bar:
        for latest in client.follow(job["id"]):
            job, progress = latest, latest["progress"]
            bar.set_description(_phase(progress), refresh=False)
            bar.n = (progress["clip"] - 1) * steps + progress["step"]
            bar.refresh()
    return job


def _phase(progress: Json) -> str:
    if progress["bytes_total"]:
        return f"downloading {progress['bytes_done'] / progress['bytes_total']:.0%}"
    return str(progress["phase"])


@contextlib.contextmanager
def _server(options: argparse.Namespace) -> Iterator[Client]:
    """The server that was named, else the one that runs on this machine, else one for these clips.

    Raises ServerNotStarted.
    """
    if options.server is not None:
        yield Client(options.server)
        return
    running = _running_server() if options.data_dir is None and not options.model_dir else None
    if running is not None:
        yield running
        return
    with _own_server(options) as client:
        yield client


def _running_server() -> Client | None:
    try:
        client = Client()
        client.check_version()
    except ClientError:
        # None, or one that was killed and has left its record behind.
        return None
    return client


@contextlib.contextmanager
def _own_server(options: argparse.Namespace) -> Iterator[Client]:
    """A server as long as the block runs, on the user's own data folder: their models and licences are there."""
    folder = ["--data-dir", str(options.data_dir)] if options.data_dir is not None else []
    models = [option for folder in options.model_dir for option in ("--model-dir", folder)]
    with _log_file() as log, ServerProcess([*folder, *models], log=log) as server:
        yield _Borrowed(server.url)


class _Borrowed(Client):
    """A client of a server that keeps nothing of what it has made."""

    def download(self, job: Json, directory: Path) -> list[Path]:
        """Put the clips into `directory`, as Client does, and remove them from the server."""
        folders = super().download(job, directory)
        self.delete(job["id"])
        return folders


@contextlib.contextmanager
def _log_file() -> Iterator[int]:
    """A file descriptor for a server's log. The file stays, and is named, only when there is a reason to read it."""
    descriptor, name = tempfile.mkstemp(prefix="transpixar-", suffix=".log")
    keep = False
    try:
        yield descriptor
    except (JobFailed, ServerNotStarted):
        keep = True
        print(f"The server's log is {name}", file=sys.stderr)
        raise
    finally:
        os.close(descriptor)
        if not keep:
            Path(name).unlink(missing_ok=True)
