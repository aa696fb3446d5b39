"""Opens the job database and says, in words, why that is not possible."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from server.files import disk_is_full
from server.jobs.errors import DatabaseError
from server.jobs.migrations import migrate

OPENING_SECONDS = 5.0


def open_database(path: Path | None, busy_seconds: float = OPENING_SECONDS) -> sqlite3.Connection:
    """A connection without implicit transactions to the database, which is made or brought up to date if need be.

    Without a path it lives in memory. Raises DatabaseError; the file is left as it is then.
    """
    name = str(path) if path else ":memory:"
    connection = None
    try:
        connection = sqlite3.connect(name, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Sorting must not need room on a disk that may be full.
        connection.execute("PRAGMA temp_store = MEMORY")
        (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        migrate(connection)
    except (sqlite3.Error, DatabaseError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, DatabaseError):
            raise
        raise _describe(error, name) from error
    return connection


def _describe(error: sqlite3.Error, name: str) -> DatabaseError:
    kind = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT").removeprefix("SQLITE_")
    if kind.startswith(("BUSY", "LOCKED")):
        message = f"The job database {name} is in use by another program; stop that program and start the server again."
        return DatabaseError("database_locked", message)
    if kind == "FULL" or (kind.startswith(("IOERR", "CANTOPEN")) and disk_is_full(Path(name).parent)):
        message = (
            f"The disk of the job database {name} is full; make room on it, or choose another data folder with "
            "--data-dir."
        )
        return DatabaseError("data_dir_unusable", message, is_full=True)
    if kind.startswith(("CANTOPEN", "READONLY", "PERM", "FULL", "IOERR")):
        message = f"The job database {name} cannot be used ({error}); choose another data folder with --data-dir."
        return DatabaseError("data_dir_unusable", message)
    message = (
        f"The job database {name} cannot be read ({error}); move it elsewhere, with the files beside it that begin "
        "with its name, and start the server again. The clips stay on disk."
    )
    return DatabaseError("database_damaged", message)
