"""The schema of the job database, as the ordered list of the changes that led to it."""

from __future__ import annotations

import sqlite3

from server.jobs.errors import DatabaseError

# Entry n brings a database from version n to version n + 1. Entries are never changed once released, only added.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `number` is the order of arrival. `record` is the latest record as JSON without its request, which never
        # changes and stands beside it; the columns that queries look at are taken out of it, so they cannot disagree.
        """
        CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            request TEXT NOT NULL,
            record TEXT NOT NULL,
            finished INTEGER NOT NULL,
            state TEXT NOT NULL GENERATED ALWAYS AS (json_extract(record, '$.state')) VIRTUAL,
            sequence INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(record, '$.sequence')) VIRTUAL,
            updated_at TEXT NOT NULL GENERATED ALWAYS AS (json_extract(record, '$.updated_at')) VIRTUAL
        ) STRICT
        """,
        "CREATE INDEX jobs_by_state ON jobs (state, number)",
        "CREATE INDEX jobs_by_finished ON jobs (finished, number)",
        """
        CREATE TABLE records (
            job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
            sequence INTEGER NOT NULL,
            record TEXT NOT NULL,
            PRIMARY KEY (job, sequence)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE idempotency_keys (
            key TEXT PRIMARY KEY,
            body_hash TEXT NOT NULL,
            job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job)",
        "CREATE TABLE removals (job_id TEXT PRIMARY KEY, clip_names TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ),
)
SCHEMA_VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS) -> None:
    """Bring a database to the present schema, in one transaction.

    Raises DatabaseError (`database_too_new`) for one of a later version, which is left as it is, and sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise DatabaseError(
                "database_too_new",
                f"The job database was written by a later version of this program (schema {version}, this one knows "
                f"{len(migrations)}); install that version, or choose another data folder with --data-dir.",
            )
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        # The pragma takes no parameters.
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
