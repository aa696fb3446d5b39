"""Room on the disk that is set aside for the job database."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from server.files import disk_is_full

log = logging.getLogger(__name__)

# For some hundred records, and for what SQLite adds to each.
_BYTES = 1 << 20
# Below this much free space the reserve would take what clips need.
LEAST_FREE_BYTES = 4 * _BYTES


class Reserve:
    """A file without meaning, which is removed when the disk is full and the job database needs its room."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self) -> None:
        """Make the file when it is not there and the disk has room for it."""
        if self._path.exists():
            return
        try:
            if shutil.disk_usage(self._path.parent).free < LEAST_FREE_BYTES:
                return
            with self._path.open("xb") as file:
                # Random, because some disks store nothing for zeros.
                file.write(os.urandom(_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("no room can be set aside for the job database: %s", error)
            self.release()

    def release(self) -> bool:
        """Give the room back. Returns whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.info("the room set aside for the job database is used")
        return True

    def release_if_full(self) -> bool:
        """Give the room back when the disk has next to none. Returns whether that was done."""
        return disk_is_full(self._path.parent) and self.release()
