"""Lists, waiting, keeping and removing jobs, and calls that are repeated."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.client import Client, ClientError
from server.launch import ServerProcess
from tests.server.api.conftest import FAKE


def test_pages_join_to_the_whole_list(idle: Client) -> None:
    made = [idle.create(f"fire {number}", steps=1)["id"] for number in range(7)]
    pages, before = [], None
    while True:
        page = requests.get(f"{idle.url}/v1/videos", params={"limit": 3, "before": before}).json()
        pages.append([job["id"] for job in page["videos"]])
        before = page["next"]
        if before is None:
            break
    ids = [job_id for page in pages for job_id in page]
    assert ids[:7] == made[::-1]
    assert all(len(page) == 3 for page in pages[:-1])
    assert ids == [job["id"] for job in idle.list()]
    assert [job["id"] for job in idle.list(limit=2)] == made[:-3:-1]


def test_a_list_of_one_state(idle: Client) -> None:
    held, waiting = idle.create("hold"), idle.create("wait")
    assert [job["id"] for job in idle.list(state="queued")] == [waiting["id"]]
    for job in (waiting, held):
        idle.cancel(job["id"])
    idle.wait(held["id"])
    assert {waiting["id"], held["id"]} <= {job["id"] for job in idle.list(state="cancelled")}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("state=done", "state"),
        ("before=x", "before"),
    ],
)
def test_a_bad_list_query_is_refused(fake: Client, query: str, field: str) -> None:
    answer = requests.get(f"{fake.url}/v1/videos?{query}")

    assert answer.status_code == 422
    assert (answer.json()["error"]["code"], answer.json()["error"]["field"]) == ("invalid_field", field)


def test_waiting_ends_with_the_next_change(idle: Client) -> None:
    held = idle.create("hold")
    waiting = idle.create("wait")
    found: list[dict] = []
    url = f"{idle.url}/v1/videos/{waiting['id']}"

    def wait() -> None:
        found.append(requests.get(url, params={"wait": 30, "after": waiting["sequence"]}).json())

    thread = threading.Thread(target=wait)
    thread.start()
    idle.cancel(waiting["id"])
    thread.join(20)
    assert found[0]["sequence"] > waiting["sequence"]
    assert found[0]["state"] == "cancelled"
    # What has changed already, and what is finished, is answered at once.
    began = time.monotonic()
    assert requests.get(url, params={"wait": 30, "after": 1}).json() == found[0]
    assert requests.get(url, params={"wait": 30}).json() == found[0]
    assert time.monotonic() - began < 25
    idle.cancel(held["id"])


def test_waiting_ends_with_its_time(idle: Client) -> None:
    held = idle.create("hold")
    while idle.get(held["id"])["preview"] is None:
        held = idle.get(held["id"])
    answer = requests.get(f"{idle.url}/v1/videos/{held['id']}", params={"wait": 0.05}).json()
    assert not answer["finished"]
    idle.cancel(held["id"])


@pytest.mark.parametrize(
    "query", ["wait=61", "wait=-1", "wait=nan", "wait=x", "after=-1", "after=x", "after=" + "9" * 30]
)
def test_a_bad_wait_is_refused(fake: Client, query: str) -> None:
    job = fake.create("fire", steps=1)
    assert requests.get(f"{fake.url}/v1/videos/{job['id']}?{query}").status_code == 422


def test_several_clips_are_there_one_after_the_other(idle: Client, tmp_path: Path) -> None:
    job = idle.create("orange fire", seed=2**31 - 1, num_clips=3, steps=1)
    done = idle.wait(job["id"])

    assert [(clip["index"], clip["seed"]) for clip in done["clips"]] == [(1, 2**31 - 1), (2, 0), (3, 1)]
    folders = idle.download(done, tmp_path)
    assert [folder.name for folder in folders] == [clip["name"] for clip in done["clips"]]
    assert idle.frame(done["id"], 1, clip=2) != idle.frame(done["id"], 1, clip=1)
    with pytest.raises(ClientError, match="has no clip 4; ask for 1 to 3") as caught:
        idle.sidecar(done["id"], clip=4)
    assert caught.value.code == "not_found"


def test_removing_takes_the_clips_along(idle: Client) -> None:
    job = idle.wait(idle.create("fire", steps=1, num_clips=2)["id"])
    folders = [Path(clip["folder"]) for clip in job["clips"]]
    assert all(folder.is_dir() for folder in folders)
    idle.delete(job["id"])

    assert not any(folder.exists() for folder in folders)
    for call in (lambda: idle.get(job["id"]), lambda: idle.delete(job["id"]), lambda: idle.frame(job["id"], 1)):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.code == "not_found"


def test_what_must_stay_stays(idle: Client) -> None:
    held = idle.create("hold")
    with pytest.raises(ClientError, match="cancel it first") as caught:
        idle.delete(held["id"])
    assert caught.value.code == "not_finished"
    idle.cancel(held["id"])
    done = idle.wait(held["id"])
    pinned = idle.pin(held["id"])
    assert (pinned["pinned"], pinned["sequence"]) == (True, done["sequence"] + 1)
    assert idle.pin(held["id"]) == pinned
    with pytest.raises(ClientError, match="unpin it first"):
        idle.delete(held["id"])
    assert idle.pin(held["id"], False)["pinned"] is False
    idle.delete(held["id"])


def test_a_repeated_call_makes_no_second_job(idle: Client) -> None:
    before = len(idle.list())
    url, headers = f"{idle.url}/v1/videos", {"Idempotency-Key": "once and for all"}
    body = {"prompt": "fire", "model": "tiny", "steps": 1}
    first = requests.post(url, json=body, headers=headers)
    idle.wait(first.json()["id"])
    again = requests.post(url, json=dict(reversed(body.items())), headers=headers)

    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "succeeded")
    other = requests.post(url, json={**body, "steps": 2}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert len(idle.list()) == before + 1
    idle.delete(first.json()["id"])
    fresh = requests.post(url, json=body, headers=headers)
    assert fresh.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 129, "umlaut-\xe4", "tab\tbed"])
def test_a_bad_key_is_refused(fake: Client, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = requests.post(f"{fake.url}/v1/videos", json={"prompt": "fire"}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_idempotency_key")


def test_a_bad_request_does_not_use_its_key_up(idle: Client) -> None:
    with pytest.raises(ClientError):
        idle.create("fire", steps=0, idempotency_key="used up?")
    assert idle.create("fire", steps=1, idempotency_key="used up?")["id"]


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[Client]:
    options = ["--data-dir", str(tmp_path), "--max-queue", "2", "--max-clip-pixels", "100000"]
    with ServerProcess(options, program=FAKE) as running:
        yield Client(running.url)


def test_limits_of_the_queue_and_of_a_clip(small_server: Client) -> None:
    held = small_server.create("hold")
    small_server.create("one")
    small_server.create("two")
    with pytest.raises(ClientError, match="The queue is full") as caught:
        small_server.create("three")
    assert caught.value.code == "queue_full"
    assert caught.value.retry_after is not None
    with pytest.raises(ClientError) as caught:
        small_server.create("many", num_clips=16)
    assert caught.value.code == "clip_too_large"
    assert small_server.check_version()["queue"] == {"queued": 2, "running": 1, "limit": 2}
    small_server.cancel(held["id"])


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path), "--disk-floor-gb", "1000000"]
    with ServerProcess(options, program=FAKE) as running:
        client = Client(running.url)
        for call in (lambda: client.create("fire"), lambda: client.upload(Path(__file__))):
            with pytest.raises(ClientError) as caught:
                call()
            assert (caught.value.code, caught.value.retry_after is not None) == ("disk_low", True)
        ready = requests.get(f"{running.url}/readyz")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "disk_low")
        assert "Retry-After" in ready.headers
        assert client.check_version()["state"] == "disk_low"
