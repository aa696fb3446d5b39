"""From a prompt to a clip over a real socket, with a real model in a real worker."""

import hashlib
import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from server.client import Client, ClientError
from server.launch import ServerProcess


def finished(client: Client, prompt: str, **fields: object) -> dict:
    *_, job = client.follow(client.create(prompt, **fields)["id"])
    return job


@pytest.fixture(scope="module")
def job(client: Client) -> dict:
    """A job that has succeeded."""
    return finished(client, "Orange fire!", seed=7)


def test_create_answers_with_the_queued_job_and_its_complete_request(server: ServerProcess) -> None:
    answer = requests.post(f"{server.url}/v1/videos", json={"prompt": "blue sparks", "model": "tiny"})

    assert answer.status_code == 202
    job = answer.json()
    assert list(job) == [
        "id",
        "state",
        "finished",
        "sequence",
        "attempt",
        "pinned",
        "created_at",
        "updated_at",
        "request",
        "queue_position",
        "progress",
        "preview",
        "clips",
        "warnings",
        "error",
        "execution",
    ]
    assert (job["state"], job["finished"], job["attempt"], job["pinned"]) == ("queued", False, 1, False)
    assert job["clips"] == job["warnings"] == []
    assert int(job["id"], 16) >= 0
    assert len(job["id"]) == 32
    assert job["created_at"].endswith("Z")
    assert datetime.fromisoformat(job["created_at"]).tzinfo is not None
    assert job["progress"] == {
        "phase": "queued",
        "clip": 1,
        "of_clips": 1,
        "step": 0,
        "of": 4,
        "eta_seconds": None,
        "bytes_done": None,
        "bytes_total": None,
    }
    assert 0 <= job["request"].pop("seed") < 2**31
    assert job["request"] == {
        "prompt": "blue sparks",
        "negative_prompt": "",
        "width": 32,
        "height": 32,
        "num_frames": 5,
        "steps": 4,
        "guidance": 4.0,
        "cfg_schedule": "constant",
        "text_to_alpha": "strict",
        "model": "tiny",
        "num_clips": 1,
        "quality": "exact",
        "memory_plan": "auto",
        "first_frame": None,
        "footage": None,
        "footage_start": 0,
        "style_loras": [],
        "loop": False,
        "clean_up": True,
    }


def test_a_finished_job_names_its_clip(job: dict, data_dir: Path) -> None:
    name = f"orange-fire_7_{job['id'][:8]}"
    assert job["state"] == "succeeded"
    assert job["error"] is None
    progress = job["progress"]
    assert (progress["phase"], progress["clip"], progress["step"], progress["of"]) == ("succeeded", 1, 4, 4)
    (clip,) = job["clips"]
    assert clip == {
        "index": 1,
        "name": name,
        "sidecar": "orange-fire.transpixar",
        "seed": 7,
        "frame_count": 5,
        "fps": 8,
        "width": 32,
        "height": 32,
        "folder": str(data_dir / "clips" / name),
    }


def test_get_and_list_show_the_same_job(client: Client, job: dict) -> None:
    assert client.get(job["id"]) == job
    assert job in client.list()


def test_the_list_begins_with_the_newest(client: Client) -> None:
    older, newer = client.create("older"), client.create("newer")
    ids = [job["id"] for job in client.list()]
    assert ids[:2] == [newer["id"], older["id"]]


def test_frames_and_sidecar_belong_together(client: Client, job: dict) -> None:
    sidecar = requests.get(f"{client.url}/v1/videos/{job['id']}/sidecar").json()

    assert sidecar["request"] == job["request"]
    assert (sidecar["format"], sidecar["format_version"], sidecar["job"]) == ("transpixar-clip", 1, job["id"])
    assert (sidecar["alpha_mode"], sidecar["colour_space"], sidecar["bit_depth"]) == ("straight", "sRGB", 8)
    assert sidecar["model"] == {"name": "tiny", "title": "tiny (random weights)", "licence": "GPL-3.0-or-later"}
    assert set(sidecar["versions"]) == {"transpixar", "torch", "diffusers"}
    assert list(sidecar["sha256"]) == [f"{number:04d}.png" for number in range(1, 6)]
    for number, sha256 in enumerate(sidecar["sha256"].values(), start=1):
        data = client.frame(job["id"], number)
        assert hashlib.sha256(data).hexdigest() == sha256
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (32, 32))


def test_the_same_request_gives_the_same_frames(client: Client, job: dict) -> None:
    again = finished(client, **job["request"])
    other = finished(client, **{**job["request"], "seed": 8})

    def pixels(of: dict) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(client.frame(of["id"], 3))))

    assert again["clips"][0]["name"] != job["clips"][0]["name"]
    np.testing.assert_array_equal(pixels(again), pixels(job))
    assert (pixels(other) != pixels(job)).any()


def test_the_size_is_the_one_asked_for(client: Client) -> None:
    job = finished(client, "fire", width=48, height=16, num_frames=3, steps=2)
    with Image.open(io.BytesIO(client.frame(job["id"], 3))) as image:
        assert image.size == (48, 16)
    assert job["clips"][0]["frame_count"] == 3


def test_a_prompt_with_every_kind_of_line_end_is_one_prompt(client: Client) -> None:
    prompt = "fire\r\nand\x0bsmoke\x85with\u2028sparks 🔥"
    assert finished(client, prompt, steps=1)["request"]["prompt"] == prompt


def test_a_download_is_the_clip_s_folder(client: Client, job: dict, tmp_path: Path) -> None:
    (folder,) = client.download(job, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [job["clips"][0]["name"]]
    kept = Path(job["clips"][0]["folder"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }
    with pytest.raises(ClientError, match="exists already"):
        client.download(job, tmp_path)


def test_a_preview_is_a_small_png(client: Client) -> None:
    previews = []
    for job in client.follow(client.create("slow fire", steps=100, width=64, height=64)["id"]):
        if job["preview"] and job["state"] == "running":
            answer = requests.get(client.url + job["preview"]["url"])
            assert answer.headers["Cache-Control"] == "no-store"
            with Image.open(io.BytesIO(answer.content)) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (64, 64))
            previews.append(job["preview"]["step"])
    assert previews
    assert previews == sorted(previews)
