"""`kill -9` of the server and of its worker while people work with it: nothing that was accepted is lost or doubled."""

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from server.client import Client
from server.launch import ServerProcess
from tests.server.chaos.artists import Artist
from tests.server.chaos.checks import (
    check_database,
    check_files,
    check_history,
    check_log,
    check_no_job_is_lost_or_doubled,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")

QUICK = ("tests.server.chaos.quick_server",)
KILLS = 24
ARTISTS = 3
SEED = 7


class Victim:
    """A server that can be killed and started again at the same address."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        self._log = log.open("wb")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._options = ["--data-dir", str(data_dir), "--port", str(port), "--disk-floor-gb", "0"]
        self.running = self._start()

    def _start(self) -> ServerProcess:
        return ServerProcess(self._options, log=self._log.fileno(), program=QUICK)

    def kill_server(self) -> None:
        self.running.process.kill()
        self.running.stop()
        self.running = self._start()

    def kill_worker(self) -> None:
        """Kill the worker, whatever it does; if there is none at the moment, it has died lately."""
        for worker in psutil.Process(self.running.process.pid).children():
            worker.kill()

    def stop(self) -> None:
        self.running.process.send_signal(signal.SIGTERM)
        try:
            assert self.running.process.wait(10) == 0
        finally:
            self.running.stop()
            self._log.close()


@contextmanager
def at_work(url: str) -> Iterator[list[Artist]]:
    """Artists that create jobs while the block runs. When it has ended, all their jobs are finished."""
    enough = threading.Event()
    artists = [Artist(f"artist-{number}", url, SEED + number, enough) for number in range(ARTISTS)]
    for artist in artists:
        artist.start()
    try:
        yield artists
    finally:
        enough.set()
        for artist in artists:
            artist.join(60)
    for artist in artists:
        assert not artist.is_alive(), f"{artist.name} still waits for its jobs"
        if artist.error is not None:
            raise artist.error


def test_whatever_is_killed_every_accepted_job_ends_once_and_whole(tmp_path: Path) -> None:
    data_dir, chance = tmp_path / "data", random.Random(SEED)
    victim = Victim(data_dir, tmp_path / "server.log")
    killers: list[Callable[[], None]] = [victim.kill_server] * (KILLS // 3) + [victim.kill_worker] * (KILLS * 2 // 3)
    chance.shuffle(killers)
    with at_work(victim.running.url) as artists:
        for kill in killers:
            wait_for_work(victim.running.url)
            time.sleep(chance.uniform(0, 0.4))
            kill()
    orders = [order for artist in artists for order in artist.orders]
    client = Client(victim.running.url)
    jobs = {job["id"]: job for job in client.list()}
    check_no_job_is_lost_or_doubled(client, jobs, orders)
    for order in orders:
        check_history(order, jobs[order.job["id"]])
    victim.stop()
    check_files(data_dir, list(jobs.values()))
    check_database(data_dir / "jobs.sqlite3", jobs)
    check_log(tmp_path / "server.log")
    # Enough has happened for this to mean something.
    outcomes = Counter(job["state"] for job in jobs.values())
    print(len(jobs), "jobs:", dict(outcomes), "attempts:", Counter(job["attempt"] for job in jobs.values()))
    assert outcomes["succeeded"] >= 5
    assert outcomes["cancelled"] >= 1
    assert any(job["attempt"] == 2 for job in jobs.values())


def wait_for_work(url: str) -> None:
    """Return when a worker has a job."""
    client = Client(url)
    while not client.check_version()["queue"]["running"]:
        time.sleep(0.01)
