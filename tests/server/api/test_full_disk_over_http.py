"""A server on a disk that is full: it says so, and everything that makes room works."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.client import Client
from server.launch import ServerProcess
from tests.server.api.conftest import FAKE
from tests.server.conftest import TinyClient
from tests.server.small_disk import fill, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 8) as disk:
        yield disk


def options(disk: Path, tiny_model_folder: Path) -> list[str]:
    return ["--data-dir", str(disk / "data"), "--disk-floor-gb", "0", "--model-dir", str(tiny_model_folder)]


def until(client: Client, job: str, state: str) -> dict:
    for _ in range(200):
        found = client.get(job)
        if found["state"] == state:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the job is {found['state']}, not {state}")


def test_all_that_makes_room_works_on_a_full_disk(disk: Path, tiny_model_folder: Path) -> None:
    with ServerProcess(options(disk, tiny_model_folder), program=FAKE) as running:
        client, url = TinyClient(running.url), running.url
        old, pinned = (client.wait(client.create(f"fire {name}")["id"]) for name in "ab")
        steady = client.create("steady fire", steps=50, num_clips=2)
        until(client, steady["id"], "running")
        held, queued = client.create("hold"), client.create("fire c")
        filling = fill(disk)

        failed = client.wait(steady["id"])
        assert (failed["state"], failed["error"]["code"]) == ("failed", "disk_full")
        assert failed["error"]["message"] == "The disk is full; make room and generate the clip again."
        ready = requests.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "disk_full")
        assert "disk is full" in ready.json()["error"]["message"] and "Retry-After" in ready.headers
        assert client.check_version()["state"] == "disk_full"
        fill(disk)
        answers = {
            "pin": requests.post(f"{url}/v1/videos/{pinned['id']}/pin"),
            "cancel": requests.post(f"{url}/v1/videos/{held['id']}/cancel"),
            "delete the failed one": requests.delete(f"{url}/v1/videos/{steady['id']}"),
            "list": requests.get(f"{url}/v1/videos"),
            "frames": requests.get(f"{url}/v1/videos/{old['id']}/frames/1"),
            "metrics": requests.get(f"{url}/metrics"),
        }
        assert {name: answer.status_code // 100 for name, answer in answers.items()} == dict.fromkeys(answers, 2)
        refused = {
            "create": requests.post(f"{url}/v1/videos", json={"prompt": "fire", "model": "tiny"}),
            "upload": requests.post(f"{url}/v1/uploads", data=Path(__file__).read_bytes() * 200),
            "export": requests.get(f"{url}/v1/videos/{old['id']}/content?format=png8"),
        }
        for name, answer in refused.items():
            assert answer.status_code in (422, 503), (name, answer.text)
            assert answer.json()["error"]["message"].endswith("."), (name, answer.text)
        assert client.get(queued["id"])["state"] == "queued"
        assert requests.delete(f"{url}/v1/videos/{old['id']}").status_code == 204
        assert not list((disk / "data" / "clips").glob("*fire-a*"))

        filling.unlink()
        assert client.wait(queued["id"])["state"] == "succeeded"
        assert requests.get(f"{url}/readyz").status_code == 200

    with ServerProcess(options(disk, tiny_model_folder), program=FAKE) as running:
        client = TinyClient(running.url)
        states = {job["id"]: (job["state"], job["pinned"]) for job in client.list()}
        assert states == {
            pinned["id"]: ("succeeded", True),
            held["id"]: ("cancelled", False),
            queued["id"]: ("succeeded", False),
        }


def test_a_server_that_starts_and_stops_on_a_full_disk_forgets_nothing(disk: Path, tiny_model_folder: Path) -> None:
    with ServerProcess(options(disk, tiny_model_folder), program=FAKE) as running:
        client = TinyClient(running.url)
        old = client.wait(client.create("fire")["id"])
        held = client.create("hold")
        until(client, held["id"], "running")
        fill(disk)
    with ServerProcess(options(disk, tiny_model_folder), program=FAKE) as running:
        client = TinyClient(running.url)
        assert client.get(held["id"])["state"] in ("interrupted", "queued", "running", "loading")
        assert requests.post(f"{running.url}/v1/videos/{held['id']}/cancel").status_code == 202
        client.wait(held["id"])
        assert requests.delete(f"{running.url}/v1/videos/{old['id']}").status_code == 204
        assert [job["id"] for job in client.list()] == [held["id"]]
