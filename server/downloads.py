"""Files that come from the server, written complete or not at all, and never over another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from server.connection import Body, ClientError
from server.files import sync, sync_folder


def require_absent(path: Path) -> None:
    """Raise ClientError `file_exists` when a file is there; a folder may be."""
    if os.path.lexists(path) and not path.is_dir():
        raise ClientError("file_exists", f"{path} exists already; move it away or choose another name.")


def save_body(body: Body, path: Path) -> Path:
    """Write an answer to the file `path`, or into the folder `path` under its own name; return the file.

    Raises ClientError, `file_exists` when it is there, and OSError.
    """
    target = path / body.name if path.is_dir() else path
    require_absent(target)
    # In the target's own folder, because a rename does not cross disks.
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as folder:
        partial = Path(folder) / target.name
        with partial.open("wb") as file:
            file.writelines(body.pieces)
        sync(partial)
        partial.rename(target)
    sync_folder(target.parent)
    return target
