"""`kill -9` of a server whose worker is in the middle of a real, if tiny, model."""

import os
from pathlib import Path

import psutil
import pytest

from server.client import Client
from server.launch import ServerProcess
from tests.server.chaos.checks import check_files


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_the_worker_goes_with_its_server_and_the_next_one_makes_what_is_missing(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    options = ["--data-dir", str(tmp_path), "--model-dir", str(tiny_model_folder), "--device", "cpu"]
    with ServerProcess(options) as first:
        client = Client(first.url)
        job = client.create("orange fire", model="tiny", steps=30, num_clips=2)
        for change in client.follow(job["id"]):
            if change["clips"] and change["state"] == "running" and change["progress"]["step"]:
                break
        worker = psutil.Process(client.check_version()["workers"][0]["pid"])
        first.process.kill()
        worker.wait(10)

    with ServerProcess(options) as second:
        end = Client(second.url).wait(job["id"])
        assert (end["state"], end["attempt"]) == ("succeeded", 2)
        assert end["clips"][0] == change["clips"][0]
    check_files(tmp_path, [end])
