"""What the server tells of itself, and of its models."""

import json
import shutil
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from server.api.memory_plans import MEMORY_PLANS
from server.client import Client, ClientError


def model(client: Client, name: str) -> dict:
    return next(model for model in client.models() if model["name"] == name)


def test_status(fake: Client) -> None:
    status = fake.check_version()

    assert list(status) == [
        "name",
        "version",
        "api",
        "state",
        "reason",
        "models",
        "queue",
        "workers",
        "disk",
        "versions",
    ]
    assert (status["name"], status["version"], status["api"]) == ("transpixar", "0.1.0", 1)
    assert (status["state"], status["reason"]) == ("ready", None)
    assert status["models"][0] == "mini"
    assert {"tiny", "versatile"} <= set(status["models"])
    assert status["queue"]["limit"] == 100
    (worker,) = status["workers"]
    assert list(worker) == ["index", "state", "pid", "device", "device_name", "loaded_model", "restarts", "memory"]
    assert (worker["index"], worker["device"], worker["memory"]) == (0, "cpu", {"used_bytes": 1, "total_bytes": 1000})
    assert status["disk"]["free_bytes"] > 0
    assert {"transpixar", "python", "fake"} <= set(status["versions"])


def test_health_and_readiness(fake: Client) -> None:
    assert requests.get(f"{fake.url}/healthz").json() == {"status": "ok"}
    assert requests.get(f"{fake.url}/readyz").json() == {"status": "ready"}


def test_models_tell_what_a_request_may_ask(fake: Client) -> None:
    tiny = model(fake, "tiny")

    assert list(tiny) == [
        "name",
        "title",
        "description",
        "licence",
        "tasks",
        "effects",
        "state",
        "problem",
        "loaded",
        "licences",
        "download",
        "defaults",
        "limits",
    ]
    assert (tiny["state"], tiny["problem"], tiny["licences"], tiny["download"]) == ("ready", None, [], None)
    assert tiny["defaults"]["width"] == 32
    assert tiny["effects"] == [], "it takes any prompt"
    assert "fire" in model(fake, "mini")["effects"]
    assert tiny["limits"]["size_multiple"] == 16


def test_loading_and_unloading(idle: Client) -> None:
    idle.load("versatile")
    while not model(idle, "versatile")["loaded"]:
        pass
    assert idle.check_version()["workers"][0]["loaded_model"] == "versatile"
    idle.unload("tiny")
    idle.unload("versatile")
    while model(idle, "versatile")["loaded"]:
        pass


@pytest.mark.parametrize("name", ["sora", "..", "..%2fmini", "%00"])
def test_a_model_that_is_not_there(fake: Client, name: str) -> None:
    for what in ("load", "unload"):
        answer = requests.post(f"{fake.url}/v1/models/{name}/{what}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_model_waits_for_its_licences(idle: Client) -> None:
    assert model(idle, "licensed")["state"] == "licence_not_accepted"
    for call in (lambda: idle.create("fire", model="licensed"), lambda: idle.load("licensed")):
        with pytest.raises(ClientError, match="'one'") as caught:
            call()
        assert (caught.value.code, caught.value.field) == ("licence_not_accepted", "model")
    for licences in (["one"], [], ["one", "two", "three"]):
        with pytest.raises(ClientError) as caught:
            idle.accept_licences("licensed", licences)
        assert (caught.value.code, caught.value.field) == ("invalid_field", "licences")
    assert model(idle, "licensed")["state"] == "licence_not_accepted"
    assert idle.accept_licences("licensed", ["two", "one"])["state"] == "ready"
    assert idle.wait(idle.create("fire", model="licensed", steps=1)["id"])["state"] == "succeeded"


@pytest.mark.parametrize("body", [{}, {"licences": "one"}, {"licences": [1]}, {"licenses": []}, []])
def test_a_bad_acceptance_is_refused(fake: Client, body: object) -> None:
    answer = requests.post(f"{fake.url}/v1/models/licensed/accept-licences", json=body)
    assert (answer.status_code, answer.json()["error"]["code"][:7]) in ((422, "invalid"), (422, "unknown"))


def test_a_model_that_cannot_be_used_says_why(fake: Client) -> None:
    found = model(fake, "cogvideox-2b")
    assert found["state"] == "unusable"
    assert found["problem"].endswith(".")
    with pytest.raises(ClientError) as caught:
        fake.create("fire", model="cogvideox-2b")
    assert (caught.value.code, caught.value.field) == ("model_unusable", "model")


def test_style_loras_are_the_files_in_their_folder(fake: Client, fake_data_dir: Path) -> None:
    assert fake.style_loras() == []
    folder = fake_data_dir / "style_loras"
    folder.mkdir(exist_ok=True)
    (folder / "watercolour.safetensors").touch()
    (folder / "notes.txt").touch()
    assert fake.style_loras() == ["watercolour"]
    job = fake.create("fire", steps=1, style_loras=[{"name": "watercolour", "strength": 0.8}])
    assert job["request"]["style_loras"] == [{"name": "watercolour", "strength": 0.8}]
    (folder / "watercolour.safetensors").unlink()


def test_metrics(idle: Client) -> None:
    def figures() -> dict[tuple, float]:
        answer = requests.get(f"{idle.url}/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(answer.text)
        return {
            (sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples
        }

    before = figures()
    done = idle.wait(idle.create("fire", steps=1)["id"])
    idle.pin(done["id"])
    idle.wait(idle.create("fail", steps=1)["id"])
    held = idle.create("hold")
    idle.create("waits")
    after = figures()

    def grown(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert grown("transpixar_jobs_finished_total", "succeeded") == 1
    assert grown("transpixar_jobs_finished_total", "failed") == 1
    assert grown("transpixar_job_phase_seconds_count", "encoding") == 1
    assert after["transpixar_queue_length",] == 1
    assert after["transpixar_jobs", "queued"] == 1
    assert after["transpixar_worker_up", "0"] == 1
    assert after["transpixar_worker_restarts", "0"] == 0
    assert after["transpixar_worker_memory_used_bytes", "0"] == 1
    assert after["transpixar_disk_free_bytes",] > 0
    assert grown("transpixar_request_seconds_count", "POST", "/v1/videos", "202") == 4
    # One figure for each route, not for each path.
    assert not [key for key in after if done["id"] in str(key)]
    idle.cancel(held["id"])


def test_the_api_knows_every_memory_plan() -> None:
    from server.transpixar.plans import PLANS

    assert tuple(PLANS) == MEMORY_PLANS


def test_a_model_that_was_added_or_removed_is_known_at_once(fake: Client, fake_data_dir: Path, tiny_model_folder: Path):
    """`python -m server models add` is another program; a server that runs need not be started again."""
    folder = fake_data_dir / "models" / "mine"
    described = json.loads((tiny_model_folder / "transpixar.json").read_text("utf-8"))
    described["name"] = "mine"
    request = {"model": "mine", "width": 32, "height": 32, "num_frames": 5, "steps": 1}
    with pytest.raises(ClientError) as caught:
        fake.create("smoke", **request)
    assert caught.value.code == "unknown_model"

    shutil.copytree(tiny_model_folder, folder)
    try:
        (folder / "transpixar.json").write_text(json.dumps(described), "utf-8")
        job = fake.create("smoke", **request)
        fake.cancel(job["id"])
        fake.wait(job["id"])
        assert model(fake, "mine")["name"] == "mine"
    finally:
        shutil.rmtree(folder)
    assert "mine" not in {one["name"] for one in fake.models()}
    assert requests.post(f"{fake.url}/v1/models/mine/load").status_code == 404
