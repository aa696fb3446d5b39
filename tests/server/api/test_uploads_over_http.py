"""Images and videos that clips are made from, sent to a running server."""

import hashlib
import io
from pathlib import Path

import pytest
import requests
from PIL import Image

from server.client import Client, ClientError
from tests.server.media.films import film


def png(width: int = 32, height: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 50).convert("RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def in_pieces(data: bytes):
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def test_an_image_is_taken_once(fake: Client) -> None:
    data = png()
    first = requests.post(f"{fake.url}/v1/uploads", data=data)
    # Of any type, and of a length that nobody knows before.
    again = requests.post(f"{fake.url}/v1/uploads", data=in_pieces(data), headers={"Content-Type": "text/plain"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "id": hashlib.sha256(data).hexdigest(),
        "kind": "image",
        "width": 32,
        "height": 32,
        "has_alpha": True,
        "frame_count": 1,
        "fps": None,
        "bytes": len(data),
    }
    assert requests.get(f"{fake.url}/v1/uploads/{first.json()['id']}").json() == first.json()


def test_a_video_is_taken(fake: Client, tmp_path: Path) -> None:
    upload = fake.upload(film(tmp_path / "a.mp4", "testsrc2=s=64x48:r=8:d=1", "-pix_fmt", "yuv420p"))

    assert (upload["kind"], upload["width"], upload["height"]) == ("video", 64, 48)
    assert (upload["frame_count"], upload["fps"], upload["has_alpha"]) == (8, 8.0, False)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"x" * 100])
def test_what_is_no_picture_is_refused_and_leaves_nothing(fake: Client, fake_data_dir: Path, data: bytes) -> None:
    before = sorted((fake_data_dir / "uploads").iterdir())
    answer = requests.post(f"{fake.url}/v1/uploads", data=data)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "upload_not_usable")
    assert error["message"].endswith(".")
    assert sorted((fake_data_dir / "uploads").iterdir()) == before


@pytest.mark.parametrize("pieces", [False, True])
def test_what_is_too_large_is_refused_and_leaves_nothing(fake: Client, fake_data_dir: Path, pieces: bool) -> None:
    before = sorted((fake_data_dir / "uploads").iterdir())
    data = bytes(1_000_001)
    try:
        answer = requests.post(f"{fake.url}/v1/uploads", data=in_pieces(data) if pieces else data)
    except requests.ConnectionError:
        # The server has answered and closed the connection while the body was on its way.
        pass
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert "at most 1 MB" in answer.json()["error"]["message"]
    assert sorted((fake_data_dir / "uploads").iterdir()) == before


def test_a_clip_from_an_image_and_one_from_footage(idle: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(40, 30))
    image = idle.upload(tmp_path / "a.png")
    footage = idle.upload(film(tmp_path / "a.mkv", "testsrc2=s=64x48:r=8:d=1", "-c:v", "ffv1"))
    for field, upload in (("first_frame", image), ("footage", footage)):
        job = idle.wait(idle.create("fire", model="versatile", steps=1, **{field: upload["id"]})["id"])
        assert (job["state"], job["request"][field]) == ("succeeded", upload["id"])
    # Seven of the eight frames: the count must be 2 k + 1.
    assert job["request"]["num_frames"] == 7


def test_an_image_is_no_footage(fake: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    image = fake.upload(tmp_path / "a.png")
    with pytest.raises(ClientError) as caught:
        fake.create("fire", model="versatile", footage=image["id"])
    assert (caught.value.code, caught.value.field) == ("upload_not_usable", "footage")


def test_an_upload_that_a_job_needs_stays(idle: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(48, 48))
    upload = idle.upload(tmp_path / "a.png")
    job = idle.create("hold", model="versatile", first_frame=upload["id"])
    with pytest.raises(ClientError, match="cancel that video first") as caught:
        idle.delete_upload(upload["id"])
    assert caught.value.code == "in_use"
    idle.cancel(job["id"])
    idle.wait(job["id"])
    idle.delete_upload(upload["id"])
    assert requests.get(f"{idle.url}/v1/uploads/{upload['id']}").status_code == 404
