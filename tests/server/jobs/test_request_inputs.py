"""Requests that refer to something: a first frame, footage, style LoRAs, a memory plan."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.inputs import largest_frame_count
from server.jobs.request import VideoRequest, VideoRequestInput
from server.jobs.style_loras import StyleLoras
from server.jobs.uploads import UploadInfo
from server.jobs.validation import RequestError, complete_request
from server.models import ModelRegistry, RequestLimits
from tests.server.jobs.small_requests import WIDE, write_models

IMAGE = UploadInfo("a" * 64, "image", 640, 480, True, 1, None, 9, Path("image"), datetime.now(UTC))
VIDEO = UploadInfo("b" * 64, "video", 640, 480, False, 15, 24.0, 9, Path("video"), datetime.now(UTC))
SHORT = replace(VIDEO, id="c" * 64, frame_count=4)
NOWHERE = "d" * 64
LIMITS = RequestLimits(**WIDE["limits"])


class Uploads:
    def get(self, upload_id: str) -> UploadInfo | None:
        return {upload.id: upload for upload in (IMAGE, VIDEO, SHORT)}.get(upload_id)


@pytest.fixture
def models(tmp_path: Path) -> ModelRegistry:
    able = {**WIDE, "name": "able", "tasks": ["text", "image", "footage"]}
    return write_models(
        tmp_path, able, {**WIDE, "name": "text-only"}, {**WIDE, "name": "matting", "tasks": ["footage"]}
    )


def complete(models: ModelRegistry, **fields: Any) -> VideoRequest:
    sent = VideoRequestInput.model_validate({"prompt": "fire", **fields})
    return complete_request(sent, models, uploads=Uploads(), plans=["low"], style_loras=["ink", "neon-glow"])


def test_a_clip_from_an_image(models: ModelRegistry) -> None:
    request = complete(models, first_frame=IMAGE.id)
    assert (request.first_frame, request.num_frames) == (IMAGE.id, 9)


def test_a_clip_from_footage_is_as_long_as_both_allow(models: ModelRegistry) -> None:
    assert complete(models, footage=VIDEO.id).num_frames == 13
    assert complete(models, footage=VIDEO.id, num_frames=5).num_frames == 5


def test_footage_that_starts_later_leaves_fewer_frames(models: ModelRegistry) -> None:
    request = complete(models, footage=VIDEO.id, footage_start=3)
    assert (request.num_frames, request.footage_start) == (9, 3)
    assert complete(models, footage=VIDEO.id).footage_start == 0


def test_plans_and_style_loras_that_there_are(models: ModelRegistry) -> None:
    loras = [{"name": "ink", "strength": -4}, {"name": "neon-glow"}]
    request = complete(models, memory_plan="low", style_loras=loras)
    assert [(lora.name, lora.strength) for lora in request.style_loras] == [("ink", -4.0), ("neon-glow", 1.0)]
    assert request.memory_plan == "low"


@pytest.mark.parametrize(
    ("fields", "code", "field", "message"),
    [
        (
            {"first_frame": IMAGE.id, "footage": VIDEO.id},
            "invalid_field",
            "footage",
            "A clip begins with a first frame or is made from footage; give only one of the two.",
        ),
        (
            {"footage": VIDEO.id, "loop": True},
            "invalid_field",
            "loop",
            "A clip that loops has no first frame of its own; leave out loop, or the first frame or footage.",
        ),
        (
            {"first_frame": IMAGE.id, "model": "text-only"},
            "task_not_supported",
            "first_frame",
            "The model 'text-only' cannot begin with a given image; choose another model or leave it out.",
        ),
        (
            {"footage": VIDEO.id, "model": "text-only"},
            "task_not_supported",
            "footage",
            "The model 'text-only' cannot give an alpha to footage; choose another model or leave it out.",
        ),
        (
            {"model": "matting"},
            "task_not_supported",
            "prompt",
            "The model 'matting' needs a first frame or footage; choose another model.",
        ),
        (
            {"first_frame": NOWHERE},
            "unknown_upload",
            "first_frame",
            "There is no such upload on this server; upload the file again.",
        ),
        (
            {"first_frame": VIDEO.id},
            "upload_not_usable",
            "first_frame",
            "The upload is a video; this field takes an image.",
        ),
        ({"footage": IMAGE.id}, "upload_not_usable", "footage", "The upload is an image; this field takes a video."),
        (
            {"footage": SHORT.id},
            "upload_not_usable",
            "footage",
            "The footage has 4 frames; use one with at least 5.",
        ),
        (
            {"footage": VIDEO.id, "num_frames": 17},
            "upload_not_usable",
            "num_frames",
            "The footage has 15 frames, fewer than 17; use 13 frames, or longer footage.",
        ),
        (
            {"footage": VIDEO.id, "num_frames": 13, "footage_start": 5},
            "upload_not_usable",
            "num_frames",
            "The footage has 10 frames after the first 5, fewer than 13; use 9 frames, or longer footage.",
        ),
        (
            {"footage": VIDEO.id, "footage_start": 11},
            "invalid_field",
            "footage_start",
            "Footage of 15 frames cannot start after 11 of them; use 0 to 10.",
        ),
        (
            {"footage_start": 2},
            "invalid_field",
            "footage_start",
            "There is no footage to start in; leave out footage_start.",
        ),
        (
            {"style_loras": [{"name": "neon-glo"}]},
            "unknown_style_lora",
            "style_loras",
            "There is no style LoRA 'neon-glo' on this server; did you mean 'neon-glow'?",
        ),
        (
            {"style_loras": [{"name": "../../etc/passwd"}]},
            "unknown_style_lora",
            "style_loras",
            "There is no style LoRA '../../etc/passwd' on this server; GET /v1/style-loras lists those there are.",
        ),
        (
            {"style_loras": [{"name": "ink", "strength": 4.5}]},
            "strength_out_of_range",
            "style_loras",
            "Strength 4.5 is out of range; use -4 to 4.",
        ),
        (
            {"style_loras": [{"name": "ink"}] * 2},
            "invalid_field",
            "style_loras",
            "The style LoRA 'ink' is named twice; name it once, with one strength.",
        ),
        (
            {"style_loras": [{"name": "ink"}] * 5},
            "invalid_field",
            "style_loras",
            "5 style LoRAs are too many; use at most 4.",
        ),
        (
            {"memory_plan": "tiny"},
            "unknown_plan",
            "memory_plan",
            "There is no memory plan 'tiny'; use 'auto' or 'low'.",
        ),
        ({"memory_plan": ""}, "unknown_plan", "memory_plan", "There is no memory plan ''; use 'auto' or 'low'."),
    ],
)
def test_what_a_wrong_reference_is_told(
    models: ModelRegistry, fields: dict[str, Any], code: str, field: str, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        complete(models, **fields)

    assert (caught.value.code, caught.value.field, caught.value.message) == (code, field, message)


@given(frames=st.integers(5, 100))
def test_the_largest_frame_count_is_the_largest(frames: int) -> None:
    found = largest_frame_count(frames, LIMITS)
    assert found <= frames < found + LIMITS.frames_multiple
    assert found % LIMITS.frames_multiple == 1


def test_style_loras_are_the_safetensors_files_of_one_folder(tmp_path: Path) -> None:
    loras = StyleLoras(tmp_path / "style_loras")
    assert loras.names() == []
    (tmp_path / "style_loras" / "folder.safetensors").mkdir(parents=True)
    for name in ("ink.safetensors", "Über.safetensors", "evil.pt"):
        (tmp_path / "style_loras" / name).touch()
    (tmp_path / "outside.safetensors").touch()

    assert loras.names() == ["ink", "Über"]
    assert loras.path("ink") == tmp_path / "style_loras" / "ink.safetensors"
    assert loras.path("evil") is loras.path("../outside") is loras.path("folder") is None
