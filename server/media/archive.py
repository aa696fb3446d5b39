"""A folder as one file: a zip archive."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from server.files import new_file, reason_of
from server.media.errors import ExportCancelled, MediaError


def archived(folder: Path, target: Path, should_stop: Callable[[], bool] | None = None) -> Path:
    """Write the files of a folder, in a folder of its name, into the zip `target`, and return that.

    They are stored as they are, because image files do not get smaller. Folders and links inside are left out.
    `should_stop` is asked before every file. Raises MediaError, and ExportCancelled; nothing is left then.
    """
    if os.path.lexists(target):
        raise MediaError(f"{target} exists already; choose another name.")
    try:
        with (
            new_file(target) as partial,
            zipfile.ZipFile(partial, "x", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
        ):
            for file in sorted(folder.iterdir()):
                if should_stop and should_stop():
                    raise ExportCancelled("The export was cancelled.")
                if file.is_file() and not file.is_symlink():
                    archive.write(file, f"{folder.name}/{file.name}")
    except OSError as error:
        raise MediaError(f"{target.name} cannot be written: {reason_of(error)}.") from None
    return target
