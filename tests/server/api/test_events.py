"""The event stream as it goes over the wire."""

import json
from typing import NamedTuple

import pytest
import requests

from server.client import Client


class Event(NamedTuple):
    id: int
    name: str
    job: dict


def read_events(url: str, last_event_id: str | None = None, most: int | None = None) -> list[Event]:
    """The events of a stream to its end, or the first `most`."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id is not None else {}
    events: list[Event] = []
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines(decode_unicode=True):
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                events.append(Event(int(fields["id"]), fields["event"], json.loads(fields["data"])))
            fields = {}
            if len(events) == most:
                break
    return events


def test_the_stream_tells_everything_in_order_and_ends(client: Client) -> None:
    job = client.create("orange fire", steps=5)
    events = read_events(f"{client.url}/v1/videos/{job['id']}/events", last_event_id="0")

    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert {event.name for event in events} == {"job"}
    assert all(event.job["sequence"] == event.id for event in events)
    states = [event.job["state"] for event in events]
    assert list(dict.fromkeys(states)) == ["queued", "loading", "running", "decoding", "encoding", "succeeded"]
    assert all(event.job["progress"]["phase"] == event.job["state"] for event in events)
    steps = [event.job["progress"]["step"] for event in events]
    assert sorted(set(steps)) == [0, 1, 2, 3, 4, 5]
    assert steps == sorted(steps)


def test_a_stream_without_an_id_begins_with_the_present_state(client: Client) -> None:
    *_, done = client.follow(client.create("fire")["id"])
    url = f"{client.url}/v1/videos/{done['id']}/events"

    assert [event.job for event in read_events(url)] == [done]
    assert [event.job for event in read_events(url, last_event_id="no number")] == [done]


def test_a_reader_that_comes_back_loses_and_doubles_nothing(client: Client) -> None:
    url = f"{client.url}/v1/videos/{client.create('fire', steps=8)['id']}/events"
    first = read_events(url, last_event_id="0", most=3)
    rest = read_events(url, last_event_id=str(first[-1].id))

    assert [event.id for event in first + rest] == list(range(1, rest[-1].id + 1))
    assert rest[-1].job["state"] == "succeeded"
    assert read_events(url, last_event_id=str(rest[-1].id)) == []


@pytest.mark.parametrize("last_event_id", ["-5", "²", "9" * 40])
def test_a_strange_last_event_id_does_no_harm(client: Client, last_event_id: str) -> None:
    *_, done = client.follow(client.create("fire", steps=1)["id"])
    url = f"{client.url}/v1/videos/{done['id']}/events"
    answer = requests.get(url, headers={"Last-Event-ID": last_event_id.encode()}, timeout=30)

    assert answer.status_code == 200


def test_many_readers_see_the_same(client: Client) -> None:
    job = client.create("fire", steps=20)
    url = f"{client.url}/v1/videos/{job['id']}/events"
    streams = [requests.get(url, headers={"Last-Event-ID": "0"}, stream=True, timeout=30) for _ in range(10)]

    assert len({stream.text for stream in streams}) == 1
