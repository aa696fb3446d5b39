"""`python -m server generate`: a clip from a prompt into a folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from server.client import Client, ClientError, JobFailed
from server.launch import ServerNotStarted, ServerProcess

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended


def main(arguments: list[str]) -> int:
    """Generate a clip from a prompt into a folder."""
    options = _generate_parser().parse_args(arguments)
    try:
        with contextlib.ExitStack() as stack:
            url = options.server or stack.enter_context(_own_server(options.model_dir))
            folder = _generate(Client(url), options)
    except (ClientError, ServerNotStarted) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The clip cannot be written ({error}); choose another folder with --out.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    print(folder)
    return 0


def _generate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server generate", description=main.__doc__)
    parser.add_argument("prompt", help="what to show, for example 'orange fire'")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder that the clip's folder goes into"
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="width and height in pixels, for example 64x64")
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    parser.add_argument("--frames", type=int, dest="num_frames")
    parser.add_argument("--steps", type=int, help="sampling steps")
    parser.add_argument("--guidance", type=float, help="guidance scale")
    parser.add_argument("--cfg-schedule", choices=["constant", "dynamic"])
    parser.add_argument("--text-to-alpha", choices=["strict", "reference", "open"])
    parser.add_argument("--negative-prompt")
    parser.add_argument("--seed", type=int, help="number that the noise comes from; drawn when not given")
    parser.add_argument("--model", help="name of the model")
    parser.add_argument("--server", metavar="URL", help="a running server; without it one is started for this clip")
    parser.add_argument(
        "--model-dir", action="append", default=[], metavar="DIR", help="a model folder besides the built-in ones"
    )
    return parser


_REQUEST_FIELDS = (
    "negative_prompt", "seed", "width", "height", "num_frames", "steps", "guidance", "cfg_schedule", "text_to_alpha",
    "model",
)  # fmt: skip


def _size(text: str) -> tuple[int, int]:
    """The width and height in a text such as `64x64`. Raises argparse.ArgumentTypeError."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write it as 64x64")
    return int(match[1]), int(match[2] or match[1])


def _generate(client: Client, options: argparse.Namespace) -> Path:
    """Make the clip over HTTP and return its folder. Raises ClientError, OSError and KeyboardInterrupt."""
    client.check_version()
    fields: dict[str, Any] = {name: getattr(options, name) for name in _REQUEST_FIELDS}
    if options.size is not None:
        fields["width"], fields["height"] = options.size
    job = client.create(options.prompt, **{name: value for name, value in fields.items() if value is not None})
    try:
        job = _show_progress(client, job)
    except KeyboardInterrupt:
        with contextlib.suppress(ClientError):
            client.cancel(job["id"])
        raise
    if job["state"] != "succeeded":
        error = job["error"] or {"code": job["state"], "message": f"The clip was {job['state']}."}
        raise JobFailed(error["code"], error["message"])
    options.out.mkdir(parents=True, exist_ok=True)
    return client.download(job, options.out)


def _show_progress(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """Follow a job with a progress bar until it has ended. Returns the job then."""
    with tqdm(total=job["progress"]["of"], unit="step", file=sys.stderr) as bar:
        for latest in client.follow(job["id"]):
            job = latest
            bar.set_description(job["state"], refresh=False)
            bar.n = job["progress"]["step"]
            bar.refresh()
    return job


@contextlib.contextmanager
def _own_server(model_dirs: list[str]) -> Iterator[str]:
    """The URL of a server for one clip; what it keeps goes when it goes. Raises ServerNotStarted."""
    options = [option for folder in model_dirs for option in ("--model-dir", folder)]
    with (
        tempfile.TemporaryDirectory(prefix="transpixar-") as data_dir,
        _log_file() as log,
        ServerProcess(["--data-dir", data_dir, *options], log=log) as server,
    ):
        yield server.url


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
