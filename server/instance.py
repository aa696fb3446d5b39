"""One server per data folder, and how other programs find it: `server.lock` and `server.json` in that folder.

`installation.json` stays there when the server ends, so that they can start it again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import filelock

from server.files import new_file
from server.startup import StartFailure

_RECORD = "server.json"
_INSTALLATION = "installation.json"
_LOCK = "server.lock"


@dataclass(frozen=True)
class RunningServer:
    """What `server.json` says. `token_file` is the path of the file with the token, None when none is needed."""

    pid: int
    url: str
    port: int
    version: str
    api: int
    token_file: str | None


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Be the only server of a data folder while the block runs; the system ends the claim with the process.

    Raises StartFailure (`already_running`, `data_dir_unusable`).
    """
    lock = filelock.FileLock(data_dir / _LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        other = read_record(data_dir)
        where = f" at {other.url}" if other else ""
        message = f"A server uses {data_dir} already{where}; use that one, or choose another folder with --data-dir."
        raise StartFailure("already_running", message) from None
    except OSError as error:
        message = f"The data folder {data_dir} cannot be used ({error.strerror}); choose another with --data-dir."
        raise StartFailure("data_dir_unusable", message) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def recorded(data_dir: Path, server: RunningServer) -> Iterator[None]:
    """Have `server.json` tell of `server` while the block runs. What a killed server has left there is replaced."""
    file = data_dir / _RECORD
    # The folder to run in: `python -m server` finds the package there, installed or not.
    folder = Path(__file__).resolve().parent.parent
    try:
        _write(data_dir / _INSTALLATION, {"python": sys.executable, "folder": str(folder)})
        # Last: whoever finds this one calls the server.
        _write(file, asdict(server))
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _write(file: Path, record: dict[str, object]) -> None:
    """Replace a file by one with the record that nobody but this user may read: it may name the token's file."""
    with new_file(file) as partial:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            json.dump(record, output)


def read_record(data_dir: Path) -> RunningServer | None:
    """What `server.json` says, or None. The server that wrote it may have been killed since."""
    try:
        record = json.loads((data_dir / _RECORD).read_text("utf-8"))
        # A later version may say more.
        return RunningServer(**{field.name: record[field.name] for field in fields(RunningServer)})
    except (OSError, ValueError, TypeError, KeyError):
        return None
