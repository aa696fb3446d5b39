"""Cancelling, and workers that die."""

import os
import signal
from pathlib import Path

import pytest

from server.client import Client


def running(client: Client, **fields: object) -> dict:
    """A job that is at work."""
    for job in client.follow(client.create("slow fire", steps=100, width=64, height=64, **fields)["id"]):
        if job["state"] == "running" and job["progress"]["step"]:
            return job
    raise AssertionError(f"the job ended as {job}")


def test_a_running_job_stops_before_its_last_step(client: Client) -> None:
    job = running(client)
    assert client.cancel(job["id"])["state"] in ("running", "cancelled")
    *_, end = client.follow(job["id"])

    assert end["state"] == "cancelled"
    assert end["progress"]["step"] < 100
    assert (end["clips"], end["error"]) == ([], None)
    assert client.check_version()["workers"][0]["pid"] is not None


def test_a_queued_job_is_cancelled_at_once_and_the_running_one_goes_on(client: Client) -> None:
    first = running(client)
    second, third = client.create("second", steps=1), client.create("third", steps=1)
    assert (second["queue_position"], third["queue_position"]) == (1, 2)

    cancelled = client.cancel(second["id"])
    assert (cancelled["state"], cancelled["queue_position"]) == ("cancelled", None)
    assert client.get(third["id"])["queue_position"] == 1
    assert client.get(first["id"])["state"] not in ("cancelled", "failed")
    client.cancel(first["id"])
    *_, end = client.follow(third["id"])
    assert end["state"] == "succeeded"


def test_cancelling_a_finished_job_changes_nothing(client: Client) -> None:
    *_, done = client.follow(client.create("fire", steps=1)["id"])

    assert client.cancel(done["id"]) == done
    assert client.get(done["id"]) == done


def worker(client: Client) -> int:
    return client.check_version()["workers"][0]["pid"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_worker_killed_at_work_gets_another_try_and_no_third(client: Client, data_dir: Path) -> None:
    job = running(client)
    first = worker(client)
    os.kill(first, signal.SIGKILL)
    for change in client.follow(job["id"]):
        if change["attempt"] == 2 and change["state"] == "running" and change["progress"]["step"]:
            break
    second = worker(client)
    assert second not in (None, first)
    os.kill(second, signal.SIGKILL)
    end = client.wait(job["id"])

    assert (end["state"], end["error"]["code"], end["clips"]) == ("failed", "worker_died", [])
    following = client.wait(client.create("fire", steps=1)["id"])
    assert following["state"] == "succeeded"
    assert worker(client) not in (None, first, second)
    assert not [path for path in (data_dir / "clips").iterdir() if path.name.startswith(".")]
