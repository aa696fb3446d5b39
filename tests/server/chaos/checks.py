"""What must hold when everything is over, whatever was killed on the way."""

import contextlib
import hashlib
import itertools
import re
import sqlite3
from pathlib import Path

from server.client import Client
from server.media.sidecar import Sidecar
from tests.server.chaos.artists import Json, Order

TERMINAL = {"succeeded", "failed", "cancelled", "interrupted"}


def check_no_job_is_lost_or_doubled(client: Client, jobs: dict[str, Json], orders: list[Order]) -> None:
    assert set(jobs) == {order.job["id"] for order in orders}
    assert len(jobs) == len(orders)
    for order in orders:
        assert client.create(idempotency_key=order.key, **order.fields)["id"] == order.job["id"]


def check_history(order: Order, job: Json) -> None:
    """What was heard of a job fits together, and with how it ended."""
    assert job["finished"]
    assert job["state"] in TERMINAL
    assert job["attempt"] in (1, 2)
    assert order.heard[-1] == job
    sequences = [heard["sequence"] for heard in order.heard]
    assert all(earlier < later for earlier, later in itertools.pairwise(sequences))
    assert [heard["finished"] for heard in order.heard] == [False] * (len(order.heard) - 1) + [True]
    for earlier, later in itertools.pairwise(order.heard):
        # Clips that were there once stay.
        assert later["clips"][: len(earlier["clips"])] == earlier["clips"]
        assert later["attempt"] - earlier["attempt"] in (0, 1)
    if job["state"] == "cancelled":
        assert order.cancel_sent
    if order.cancel_answer is not None and not order.cancel_answer["finished"]:
        # It was promised; only a job that was at its end already may have succeeded.
        assert job["state"] in ("cancelled", "succeeded")


def check_files(data_dir: Path, jobs: list[Json]) -> None:
    """Every clip of a job is whole, and nothing else is there."""
    clips = [(job, clip) for job in jobs for clip in job["clips"]]
    for job, clip in clips:
        folder = data_dir / "clips" / clip["name"]
        sidecar = Sidecar.from_json((folder / clip["sidecar"]).read_bytes())
        assert (sidecar.job, sidecar.request.seed) == (job["id"], clip["seed"])
        assert {path.name for path in folder.iterdir()} == {clip["sidecar"], *sidecar.sha256}
        assert len(sidecar.sha256) == clip["frame_count"] == job["request"]["num_frames"]
        for name, digest in sidecar.sha256.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {path.name for path in (data_dir / "clips").iterdir()} == {clip["name"] for _, clip in clips}
    for job in jobs:
        if job["state"] == "succeeded":
            assert [clip["index"] for clip in job["clips"]] == list(range(1, job["request"]["num_clips"] + 1))
    assert {path.name for path in (data_dir / "jobs").iterdir()} <= {job["id"] for job in jobs}


def check_database(database: Path, jobs: dict[str, Json]) -> None:
    """The database is sound, and has the jobs that the server showed."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert {row[0] for row in connection.execute("SELECT id FROM jobs")} == set(jobs)


def check_log(log: Path) -> None:
    """No part of the server has met something that it was not made for."""
    assert not re.findall(rb"^.*(?:Traceback|made a mistake).*$", log.read_bytes(), re.MULTILINE)
