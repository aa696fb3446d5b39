"""Event streams under bad conditions: broken connections, slow readers, many of them."""

import contextlib
import json
import random
import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from server.client import Client


def open_stream(url: str, last_event_id: int | None = None) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = socket.create_connection((parts.hostname, parts.port or 80), timeout=20)
    resume = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id is not None else ""
    connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{resume}\r\n".encode())
    return connection


def whole_events(data: bytes) -> list[int]:
    """The ids of the events that are complete in what came over a connection."""
    events = data.partition(b"\r\n\r\n")[2].split(b"\n\n")[:-1]
    return [int(line[4:]) for event in events for line in event.split(b"\n") if line.startswith(b"id: ")]


@pytest.mark.parametrize("seed", range(3))
def test_connections_killed_at_random_points_lose_and_double_nothing(idle: Client, seed: int) -> None:
    chance = random.Random(seed)
    job = idle.create("slow fire", steps=60, num_clips=2)
    url = f"{idle.url}/v1/videos/{job['id']}/events"
    seen: list[int] = []
    connections = 0
    while not job["finished"] or seen[-1] < job["sequence"]:
        connections += 1
        data, most = b"", chance.randrange(0, 12_000)
        with open_stream(url, seen[-1] if seen else 0) as connection:
            while len(data) < most and (piece := connection.recv(chance.randrange(1, 3000))):
                data += piece
        # The last event may have come in part; it comes again as a whole.
        seen += whole_events(_dechunked(data))
        job = idle.get(job["id"])
    assert connections > 1
    assert seen == list(range(1, job["sequence"] + 1))


def _dechunked(data: bytes) -> bytes:
    """The header and the body's complete chunks of an answer in chunked encoding."""
    head, found, rest = data.partition(b"\r\n\r\n")
    body = b""
    while found:
        size, found, rest = rest.partition(b"\r\n")
        length = int(size, 16) if found and size else 0
        if not length or len(rest) < length + 2:
            break
        body, rest = body + rest[:length], rest[length + 2 :]
    return head + b"\r\n\r\n" + body


def test_the_client_takes_up_a_stream_that_breaks(idle: Client) -> None:
    # A wire that is cut after every few kilobytes, whatever it is that goes over it.
    job = idle.create("slow fire", steps=40)
    with cut_wire(idle.url, most=20_000) as url:
        sequences = [change["sequence"] for change in Client(url).follow(job["id"])]
    assert sequences == list(range(sequences[0], sequences[-1] + 1))
    assert sequences[-1] == idle.get(job["id"])["sequence"]


@contextlib.contextmanager
def cut_wire(url: str, most: int):
    """The URL of a wire to `url` that is cut whenever `most` bytes have come back."""
    parts = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=forward, args=[near], daemon=True).start()

    def forward(near: socket.socket) -> None:
        with near, socket.create_connection((parts.hostname, parts.port)) as far, contextlib.suppress(OSError):
            # The server knows itself under its own port.
            far.sendall(near.recv(1 << 16))
            left = most
            while left > 0 and (data := far.recv(min(left, 4096))):
                near.sendall(data)
                left -= len(data)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_fifty_readers_see_the_same_and_the_server_stays_quick(idle: Client) -> None:
    job = idle.create("slow fire", steps=50)
    url = f"{idle.url}/v1/videos/{job['id']}/events"
    texts: list[str] = []

    def read() -> None:
        texts.append(requests.get(url, headers={"Last-Event-ID": "0"}, timeout=60).text)

    readers = [threading.Thread(target=read) for _ in range(50)]
    for reader in readers:
        reader.start()
    assert requests.get(f"{idle.url}/healthz", timeout=20).ok
    for reader in readers:
        reader.join(60)
    assert len(texts) == 50
    assert len({_without_pings(text) for text in texts}) == 1
    assert '"finished":true' in texts[0]


def _without_pings(text: str) -> str:
    return text.replace(": ping\n\n", "")


def test_a_reader_that_reads_nothing_holds_nobody_up(idle: Client) -> None:
    job = idle.create("slow fire", steps=80, num_clips=2)
    with open_stream(f"{idle.url}/v1/videos/{job['id']}/events", 0) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        done = idle.wait(job["id"])
        assert done["state"] == "succeeded"
        data = b""
        while b'"finished":true' not in data:
            data = (data + connection.recv(1 << 16))[-200_000:]


def test_a_stream_of_a_removed_job_ends(idle: Client) -> None:
    done = idle.wait(idle.create("fire", steps=1)["id"])
    idle.delete(done["id"])
    answer = requests.get(f"{idle.url}/v1/videos/{done['id']}/events", timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_quiet_stream_is_pinged_and_its_end_is_not_waited_for(idle: Client) -> None:
    held = idle.create("hold")
    with requests.get(f"{idle.url}/v1/videos/{held['id']}/events", stream=True, timeout=40) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert any(line.startswith(b": ping") for line in answer.iter_lines())
    idle.cancel(held["id"])
    assert json.loads(requests.get(f"{idle.url}/healthz").content) == {"status": "ok"}
