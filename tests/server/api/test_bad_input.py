"""Every bad input gets a typed error with a sentence, and nothing enters the queue."""

import json

import pytest
import requests

from server.client import Client


def error_of(answer: requests.Response) -> dict:
    """The error of an answer, which has exactly the contract's shape."""
    body = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "field"]
    assert body["error"]["message"].endswith((".", "?"))
    return body["error"]


@pytest.mark.parametrize(
    ("fields", "code", "field", "message"),
    [
        ({"prompt": ""}, "prompt_empty", "prompt", "describe the effect"),
        ({"prompt": None}, "invalid_field", "prompt", "must be a text"),
        ({"prompt": 7}, "invalid_field", "prompt", "must be a text"),
        ({"prompt": "x" * 401}, "prompt_too_long", "prompt", "at most 400"),
        ({"negative_prompt": "x" * 401}, "prompt_too_long", "negative_prompt", "at most 400"),
        ({"prompt": "\ud800"}, "invalid_field", "prompt", "valid Unicode"),
        ({"width": 65}, "size_not_multiple", "width", "not a multiple of 16; use 64."),
        ({"height": 40}, "size_not_multiple", "height", "use 32 or 48."),
        ({"height": 80}, "size_out_of_range", "height", "use 16 to 64"),
        ({"width": "64"}, "invalid_field", "width", "must be a whole number"),
        ({"width": 64.5}, "invalid_field", "width", "must be a whole number"),
        ({"width": True}, "invalid_field", "width", "must be a whole number"),
        ({"num_frames": 4}, "frames_not_allowed", "num_frames", "use 3 or 5."),
        ({"num_frames": 11}, "frames_out_of_range", "num_frames", "use 1 to 9"),
        ({"steps": 0}, "steps_out_of_range", "steps", "use 1 to 100"),
        ({"steps": 10**30}, "steps_out_of_range", "steps", "use 1 to 100"),
        ({"guidance": 21}, "guidance_out_of_range", "guidance", "use 0 to 20"),
        ({"guidance": float("nan")}, "invalid_field", "guidance", "finite"),
        ({"guidance": float("inf")}, "invalid_field", "guidance", "finite"),
        ({"seed": 2**31}, "seed_out_of_range", "seed", "use 0 to 2147483647"),
        ({"seed": "7"}, "invalid_field", "seed", "must be a whole number"),
        ({"cfg_schedule": "wild"}, "invalid_field", "cfg_schedule", "'constant' or 'dynamic'"),
        ({"text_to_alpha": ""}, "invalid_field", "text_to_alpha", "'strict', 'reference' or 'open'"),
        ({"model": "sora"}, "unknown_model", "model", "There is no model 'sora'"),
        ({"quality": "best"}, "invalid_field", "quality", "'exact', 'balanced' or 'fast'"),
        ({"num_clips": 0}, "clips_out_of_range", "num_clips", "use 1 to 16"),
        ({"memory_plan": "huge"}, "unknown_plan", "memory_plan", "use 'auto', 'resident'"),
        ({"first_frame": "mine.png"}, "invalid_field", "first_frame", "id of an upload"),
        ({"first_frame": "ab" * 32}, "task_not_supported", "first_frame", "tiny"),
        ({"model": "versatile", "first_frame": "ab" * 32}, "unknown_upload", "first_frame", "upload"),
        ({"model": "versatile", "footage": "ab" * 32}, "unknown_upload", "footage", "upload"),
        ({"style_loras": [{"name": "ink"}]}, "unknown_style_lora", "style_loras", "ink"),
        ({"style_loras": [{"name": "ink", "strenght": 1}]}, "unknown_field", "style_loras", "strenght"),
        ({"style_loras": [{"strength": 1}]}, "invalid_field", "style_loras", "style_loras.0.name"),
        ({"style_loras": {}}, "invalid_field", "style_loras", "must be a list"),
        ({"widht": 64}, "unknown_field", "widht", "did you mean 'width'?"),
        ({"path": "/etc/passwd"}, "unknown_field", "path", "the fields are prompt"),
    ],
)
def test_a_bad_field_is_refused(fake: Client, fields: dict, code: str, field: str, message: str) -> None:
    before = len(fake.list())
    answer = requests.post(
        f"{fake.url}/v1/videos",
        # Python's own JSON, because it can spell NaN and half a surrogate pair.
        data=json.dumps({"prompt": "orange fire", "model": "tiny", **fields}),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    error = error_of(answer)
    assert (error["code"], error["field"]) == (code, field)
    assert message in error["message"]
    assert len(fake.list()) == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_field"),
        (b"{", "invalid_field"),
        (b"[]", "invalid_field"),
        (b'"orange fire"', "invalid_field"),
        (b"null", "invalid_field"),
        (b"{}", "prompt_empty"),
        (b"\xff\xfe", "invalid_field"),
        (b'{"prompt": "a", "\\ud800": 1}', "invalid_field"),
        (b'{"prompt": "a", "seed": 1' + b"0" * 6000 + b"}", "invalid_field"),
        (b"[" * 100_000, "invalid_field"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_body_that_is_no_request_is_refused(fake: Client, body: bytes, code: str) -> None:
    answer = requests.post(f"{fake.url}/v1/videos", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert error_of(answer)["code"] == code


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None])
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/models/tiny/accept-licences"])
def test_a_form_of_a_web_page_is_no_request(fake: Client, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind is not None else {}
    answer = requests.post(fake.url + path, data=b'{"prompt": "fire"}', headers=headers)

    assert (answer.status_code, error_of(answer)["code"]) == (415, "not_json")
    assert "application/json" in error_of(answer)["message"]


def test_a_body_without_end_is_refused(fake: Client) -> None:
    def endless():
        while True:
            yield b" " * 10_000

    answer = requests.post(f"{fake.url}/v1/videos", data=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")


def test_a_body_that_says_it_is_too_large_is_not_waited_for(fake: Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(10**9)}
    answer = requests.post(f"{fake.url}/v1/videos", headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/videos/", 404, "not_found"),
        ("GET", "/v1/videos/no-such-job", 404, "not_found"),
        ("GET", "/v1/videos/no-such-job/events", 404, "not_found"),
        ("GET", "/v1/videos/no-such-job/frames/1", 404, "not_found"),
        ("GET", "/v1/videos/no-such-job/sidecar", 404, "not_found"),
        ("GET", "/v1/videos/no-such-job/preview", 404, "not_found"),
        ("POST", "/v1/videos/no-such-job/cancel", 404, "not_found"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("PUT", "/v1/videos", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_said_so(fake: Client, method: str, path: str, status: int, code: str) -> None:
    answer = requests.request(method, fake.url + path)

    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


@pytest.fixture(scope="module")
def finished_job(fake: Client) -> dict:
    *_, job = fake.follow(fake.create("fire", steps=1)["id"])
    return job


@pytest.mark.parametrize("number", ["0", "6", "-1", "one", "1.png", "9" * 30, "²", "..%2f0001", "..\\0001", "%00"])
def test_a_frame_that_is_not_there_is_said_so(finished_job: dict, fake: Client, number: str) -> None:
    answer = requests.get(f"{fake.url}/v1/videos/{finished_job['id']}/frames/{number}")

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


def test_frames_of_an_unfinished_job_are_not_ready(fake: Client) -> None:
    job = fake.create("slow fire", steps=100)
    for what in ("frames/1", "sidecar"):
        answer = requests.get(f"{fake.url}/v1/videos/{job['id']}/{what}")
        assert (answer.status_code, error_of(answer)["code"]) == (409, "not_ready")
    fake.cancel(job["id"])
    *_, job = fake.follow(job["id"])
    answer = requests.get(f"{fake.url}/v1/videos/{job['id']}/frames/1")
    assert answer.status_code == 409
    assert "was cancelled" in error_of(answer)["message"]
