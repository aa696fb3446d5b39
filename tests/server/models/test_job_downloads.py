"""A job whose model is on the hub: licences, then the bytes in its events, then the clip; all over real sockets."""

import json

import pytest

from server.client import Client, ClientError
from server.launch import ServerProcess


@pytest.fixture
def client(hub, remote_folder, places, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with ServerProcess(["--data-dir", str(places.root)]) as server:
        yield Client(server.url)


def test_a_job_downloads_its_model_once_the_licences_are_accepted(client, hub, places) -> None:
    with pytest.raises(ClientError) as refused:
        client.create("orange smoke", model="remote")
    assert refused.value.code == "licence_not_accepted"
    assert not hub.answered

    (model,) = [model for model in client.models() if model["name"] == "remote"]
    assert model["state"] == "licence_not_accepted"
    model = client.accept_licences("remote", [licence["id"] for licence in model["licences"]])
    assert model["state"] == "not_downloaded"
    assert [entry["id"] for entry in json.loads(places.licences.read_text("utf-8"))["accepted"]]

    job = client.create("orange smoke", model="remote", steps=2)
    events = list(client.follow(job["id"]))

    assert events[-1]["state"] == "succeeded", events[-1]["error"]
    downloads = [event["progress"] for event in events if event["progress"]["phase"] == "downloading"]
    assert downloads
    assert downloads[-1]["bytes_done"] == downloads[-1]["bytes_total"] > 0
    (model,) = [model for model in client.models() if model["name"] == "remote"]
    assert (model["state"], model["loaded"]) == ("ready", True)


def test_a_download_that_fails_says_so_in_the_job_and_the_next_one_goes_on(client, hub) -> None:
    client.accept_licences("remote", ["tiny-base"])
    repo = hub.repos["maker/Base"]
    repo.gated = True
    job = client.create("orange smoke", model="remote", steps=2)
    failed = list(client.follow(job["id"]))[-1]
    assert (failed["state"], failed["error"]["code"]) == ("failed", "download_failed")

    repo.gated = False
    job = client.create("orange smoke", model="remote", steps=2)
    assert list(client.follow(job["id"]))[-1]["state"] == "succeeded"
