"""What a request may ask, what it gets by default, and what it is told when it asks for something else."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.request import VideoRequestInput
from server.jobs.validation import MAX_SEED, RequestError, check_request, complete_request
from server.models import ModelFolderError, ModelRegistry, RequestLimits
from tests.server.jobs.small_requests import FIXED, REQUEST, WIDE, write_models

LIMITS = RequestLimits(**WIDE["limits"])


@pytest.fixture
def models(tmp_path: Path) -> ModelRegistry:
    return write_models(tmp_path, WIDE, FIXED)


def test_a_prompt_alone_becomes_a_complete_request(models: ModelRegistry) -> None:
    request = complete_request(VideoRequestInput(prompt="  orange fire "), models, draw_seed=lambda: 123)

    assert request.model_dump() == {
        "prompt": "orange fire",
        "negative_prompt": "",
        "seed": 123,
        "width": 96,
        "height": 64,
        "num_frames": 9,
        "steps": 20,
        "guidance": 4.0,
        "cfg_schedule": "constant",
        "text_to_alpha": "strict",
        "model": "wide",
        "num_clips": 1,
        "quality": "exact",
        "memory_plan": "auto",
        "first_frame": None,
        "footage": None,
        "footage_start": 0,
        "style_loras": (),
        "loop": False,
        "clean_up": True,
    }


def test_a_complete_request_stays_as_it_is(models: ModelRegistry) -> None:
    assert complete_request(VideoRequestInput(**REQUEST.model_dump()), models) == REQUEST


def test_seed_0_is_a_seed_like_any_other(models: ModelRegistry) -> None:
    assert complete_request(VideoRequestInput(prompt="fire", seed=0), models).seed == 0


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"prompt": " \n"}, "prompt_empty", "The prompt is empty; describe the effect, for example 'orange fire'."),
        ({"prompt": "x" * 41}, "prompt_too_long", "The prompt has 41 characters; shorten it to at most 40."),
        ({"width": 65}, "size_not_multiple", "Width 65 is not a multiple of 16; use 64 or 80."),
        ({"width": 0}, "size_out_of_range", "Width 0 is out of range; use 64 to 128 in steps of 16."),
        ({"width": -7}, "size_not_multiple", "Width -7 is not a multiple of 16; use 64."),
        ({"height": 1000}, "size_not_multiple", "Height 1000 is not a multiple of 16; use 96."),
        ({"height": 112}, "size_out_of_range", "Height 112 is out of range; use 64 to 96 in steps of 16."),
        (
            {"num_frames": 10},
            "frames_not_allowed",
            "10 frames are not possible: the count must be a multiple of 4 plus 1; use 9 or 13.",
        ),
        ({"num_frames": 21}, "frames_out_of_range", "21 frames are out of range; use 5 to 17 in steps of 4."),
        ({"num_frames": 1}, "frames_out_of_range", "1 frames are out of range; use 5 to 17 in steps of 4."),
        ({"steps": 0}, "steps_out_of_range", "Steps 0 is out of range; use 1 to 100."),
        ({"guidance": 20.5}, "guidance_out_of_range", "Guidance 20.5 is out of range; use 0 to 20."),
        ({"seed": -1}, "seed_out_of_range", "Seed -1 is out of range; use 0 to 2147483647."),
        ({"seed": MAX_SEED + 1}, "seed_out_of_range", "Seed 2147483648 is out of range; use 0 to 2147483647."),
        ({"num_clips": 0}, "clips_out_of_range", "0 clips are out of range; use 1 to 16."),
        ({"num_clips": 17}, "clips_out_of_range", "17 clips are out of range; use 1 to 16."),
        ({"memory_plan": "tiny"}, "unknown_plan", "There is no memory plan 'tiny'; use 'auto'."),
        ({"model": "huge"}, "unknown_model", "There is no model 'huge' on this server; use 'wide' or 'fixed'."),
    ],
)
def test_a_wrong_field_is_named_with_what_to_use(models: ModelRegistry, fields: dict, code: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        complete_request(VideoRequestInput(**{"prompt": "fire", **fields}), models)

    assert (caught.value.code, caught.value.message) == (code, message)
    assert caught.value.field in fields


def test_a_model_with_one_size_only_says_that_size(models: ModelRegistry) -> None:
    with pytest.raises(RequestError, match=r"Width 65 is not a multiple of 16; use 64\."):
        complete_request(VideoRequestInput(prompt="fire", model="fixed", width=65), models)
    with pytest.raises(RequestError, match=r"Width 80 is out of range; use 64\."):
        complete_request(VideoRequestInput(prompt="fire", model="fixed", width=80), models)


@given(
    field=st.sampled_from(["width", "height", "num_frames"]),
    value=st.integers(-300, 300),
)
def test_whatever_the_message_says_to_use_is_accepted(field: str, value: int) -> None:
    try:
        check_request(REQUEST.model_copy(update={field: value}), LIMITS)
    except RequestError as error:
        suggested = [
            int(number) for number in re.findall(r"\d+", error.message.rpartition("; use ")[2].split(" in ")[0])
        ]
        assert suggested
        for other in suggested:
            check_request(REQUEST.model_copy(update={field: other}), LIMITS)


def test_a_folder_without_a_description_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"has no transpixar\.json"):
        ModelRegistry([tmp_path])


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    write_models(tmp_path / "a", WIDE)
    write_models(tmp_path / "b", WIDE)
    with pytest.raises(ModelFolderError, match="Two folders hold a model named 'wide'"):
        ModelRegistry([tmp_path / "a" / "wide", tmp_path / "b" / "wide"])


def test_a_description_that_lacks_something_says_what(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="licence"):
        write_models(tmp_path, {key: value for key, value in WIDE.items() if key != "licence"})


@pytest.mark.parametrize("prompt", ["\u200b\ufeff", "\x00\x1b", "\u3164 \u2800", "\u00a0\t"])
def test_a_prompt_of_nothing_visible_is_empty(prompt: str, models: ModelRegistry) -> None:
    with pytest.raises(RequestError, match="The prompt is empty") as caught:
        complete_request(VideoRequestInput(prompt=prompt), models)
    assert (caught.value.code, caught.value.field) == ("prompt_empty", "prompt")
