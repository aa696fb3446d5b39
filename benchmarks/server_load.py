"""How quickly the server answers under load: `python -m benchmarks.server_load`, from the repository's root.

The engine is a fake that makes ten steps a second, so that only the server itself is measured: 200 jobs wait in the
queue, and 50 event streams follow the one at work. Calls are made one after the other over one connection, as the
add-on does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from server.launch import ServerProcess

FAKE_SERVER = ("tests.server.api.fake_server",)
Call = Callable[[requests.Session], requests.Response]


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="jobs in the queue")
    parser.add_argument("--streams", type=int, default=50, help="event streams on the job at work")
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as log,
        ServerProcess(
            ["--data-dir", folder, "--max-queue", str(options.jobs + options.calls + 1)],
            log=log.fileno(),
            program=FAKE_SERVER,
        ) as server,
        requests.Session() as session,
    ):
        url = f"{server.url}/v1/videos"
        at_work = session.post(url, json={"prompt": "steady", "num_clips": 16, "steps": 100}).json()["id"]
        queued = [session.post(url, json={"prompt": f"fire {n}"}).json()["id"] for n in range(options.jobs)]
        stop, ready = multiprocessing.Event(), multiprocessing.Event()
        counter = multiprocessing.Value("i", 0)
        reader = multiprocessing.Process(
            target=read_streams, args=(f"{url}/{at_work}/events", options.streams, ready, stop, counter)
        )
        reader.start()
        ready.wait()
        process = psutil.Process(server.process.pid)
        idle = cpu_share(process, counter)
        rows = [(name, measure(session, call, options.calls)) for name, call in calls(server.url, at_work, queued)]
        stop.set()
        reader.join()
    report(rows, idle, options)


def cpu_share(process: psutil.Process, counter: Synchronized[int], seconds: float = 3.0) -> tuple[float, float]:
    """The events a second, and the share of a core that the server needs for them when nothing else is asked."""
    before, used = counter.value, sum(process.cpu_times()[:2])
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return (counter.value - before) / elapsed, (sum(process.cpu_times()[:2]) - used) / elapsed


def calls(url: str, at_work: str, queued: list[str]) -> list[tuple[str, Call]]:
    """The calls that are measured, by name."""
    videos, numbers = f"{url}/v1/videos", iter(range(10**9))

    def create_and_cancel(session: requests.Session) -> requests.Response:
        answer = session.post(videos, json={"prompt": "fire"}, headers={"Idempotency-Key": str(next(numbers))})
        # Not measured: it keeps the queue as long as it is.
        cancel_later.append(answer.json()["id"])
        return answer

    cancel_later: list[str] = []
    return [
        ("GET the job at work", lambda session: session.get(f"{videos}/{at_work}")),
        ("GET a job in the queue", lambda session: session.get(f"{videos}/{queued[len(queued) // 2]}")),
        ("GET the list, 50 jobs", lambda session: session.get(videos)),
        ("GET /v1/models", lambda session: session.get(f"{url}/v1/models")),
        ("GET /v1/status", lambda session: session.get(f"{url}/v1/status")),
        ("GET /metrics", lambda session: session.get(f"{url}/metrics")),
        ("POST a job", create_and_cancel),
        ("POST cancel, queue moves up", lambda session: session.post(f"{videos}/{cancel_later.pop()}/cancel")),
    ]


def measure(session: requests.Session, call: Call, count: int) -> list[float]:
    """The seconds that `count` calls took, in order of length."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        answer = call(session)
        seconds.append(time.perf_counter() - began)
        # A full queue is an answer too, but not the one that is measured.
        answer.raise_for_status()
    return sorted(seconds)


def read_streams(url: str, count: int, ready: Event, stop: Event, counter: Synchronized[int]) -> None:
    """Keep `count` event streams open and count their events, in a process of its own."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    selector = selectors.DefaultSelector()
    for _ in range(count):
        connection = socket.create_connection((parts.hostname, parts.port or 80))
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        selector.register(connection, selectors.EVENT_READ)
    ready.set()
    while not stop.is_set():
        for key, _ in selector.select(timeout=0.1):
            assert isinstance(key.fileobj, socket.socket)
            counter.value += key.fileobj.recv(1 << 16).count(b"event: job")


def report(rows: list[tuple[str, list[float]]], idle: tuple[float, float], options: argparse.Namespace) -> None:
    """Print the table."""
    events, share = idle
    print(
        f"{options.jobs} jobs in the queue, {options.streams} event streams: {events:.0f} events a second take "
        f"{share:.0%} of a core"
    )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; milliseconds of {options.calls} calls each\n")
    print(f"| {'call':28} | median |   95 % |    max |\n|{'-' * 30}|{'-' * 8}|{'-' * 8}|{'-' * 8}|")
    every = sorted(second for _, seconds in rows for second in seconds)
    for name, seconds in [*rows, ("all", every)]:
        figures = (statistics.median(seconds), seconds[int(len(seconds) * 0.95)], seconds[-1])
        print(f"| {name:28} | " + " | ".join(f"{1000 * figure:6.1f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
