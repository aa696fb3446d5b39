"""Every bad input gets a typed error with a sentence, and nothing enters the queue."""

import json

import pytest
import requests

from server.api.security import is_loopback_host
from server.client import Client
from server.launch import ServerProcess


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
        ({"widht": 64}, "unknown_field", "widht", "did you mean 'width'?"),
        ({"path": "/etc/passwd"}, "unknown_field", "path", "the fields are prompt"),
    ],
)
def test_a_bad_field_is_refused(client: Client, fields: dict, code: str, field: str, message: str) -> None:
    before = len(client.list())
    answer = requests.post(
        f"{client.url}/v1/videos",
        # Python's own JSON, because it can spell NaN and half a surrogate pair.
        data=json.dumps({"prompt": "orange fire", "model": "tiny", **fields}),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    error = error_of(answer)
    assert (error["code"], error["field"]) == (code, field)
    assert message in error["message"]
    assert len(client.list()) == before


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
def test_a_body_that_is_no_request_is_refused(client: Client, body: bytes, code: str) -> None:
    answer = requests.post(f"{client.url}/v1/videos", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert error_of(answer)["code"] == code


def test_a_form_of_a_web_page_is_no_request(client: Client) -> None:
    answer = requests.post(f"{client.url}/v1/videos", data='{"prompt": "fire"}', headers={"Content-Type": "text/plain"})

    assert answer.status_code == 422
    assert "application/json" in error_of(answer)["message"]


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
def test_what_is_not_there_is_said_so(client: Client, method: str, path: str, status: int, code: str) -> None:
    answer = requests.request(method, client.url + path)

    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


@pytest.fixture(scope="module")
def finished_job(client: Client) -> dict:
    *_, job = client.follow(client.create("fire", steps=1)["id"])
    return job


@pytest.mark.parametrize("number", ["0", "6", "-1", "one", "1.png", "9" * 30, "²", "..%2f0001", "..\\0001", "%00"])
def test_a_frame_that_is_not_there_is_said_so(finished_job: dict, client: Client, number: str) -> None:
    answer = requests.get(f"{client.url}/v1/videos/{finished_job['id']}/frames/{number}")

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


def test_frames_of_an_unfinished_job_are_not_ready(client: Client) -> None:
    job = client.create("slow fire", steps=100)
    for what in ("frames/1", "sidecar"):
        answer = requests.get(f"{client.url}/v1/videos/{job['id']}/{what}")
        assert (answer.status_code, error_of(answer)["code"]) == (409, "not_ready")
    client.cancel(job["id"])
    *_, job = client.follow(job["id"])
    answer = requests.get(f"{client.url}/v1/videos/{job['id']}/frames/1")
    assert answer.status_code == 409
    assert "was cancelled" in error_of(answer)["message"]


def test_a_foreign_name_in_the_host_header_is_refused(server: ServerProcess) -> None:
    answer = requests.get(f"{server.url}/healthz", headers={"Host": "attacker.example"})

    assert (answer.status_code, error_of(answer)["code"]) == (400, "host_not_allowed")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8420", "127.0.0.1", "127.0.0.1:1", "127.8.0.1", "[::1]:8420", "[::1]"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host", ["", "attacker.example", "localhost.attacker.example", "10.0.0.1:8420", "[::2]:1", "[", "127.0.0.1.nip.io"]
)
def test_names_of_other_machines(host: str) -> None:
    assert not is_loopback_host(host)
