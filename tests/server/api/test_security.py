"""Nobody gets in who may not, and nothing gets out that is not a clip's."""

import http.client
import json
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from server.api.security import AllowedHosts, host_name, is_foreign
from server.client import Client, ClientError
from server.launch import ServerProcess
from tests.server.api.conftest import FAKE


def raw(url: str, target: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """An answer to exactly this request target: clients tidy paths up before they send them."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=10) as connection:
        lines = {"Host": parts.netloc, "Connection": "close", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8420", "127.0.0.1", "127.0.0.1:1", "127.8.0.1", "[::1]:8420", "[::1]", "::1"]
)
def test_names_of_this_machine(host: str) -> None:
    assert AllowedHosts().allows(host)


@pytest.mark.parametrize(
    "host",
    ["", "attacker.example", "localhost.attacker.example", "10.0.0.1:8420", "[::2]:1", "[", "127.0.0.1.nip.io", "*"],
)
def test_names_of_other_machines(host: str) -> None:
    assert not AllowedHosts().allows(host)


def test_further_names() -> None:
    assert AllowedHosts(["render.example"]).allows("Render.Example:8420")
    assert not AllowedHosts(["render.example"]).allows("other.render.example")
    for typed in ("https://render.example:8420/transpixar/", "render.example/v1", "RENDER.example:80"):
        assert AllowedHosts([typed]).allows("render.example")
    assert AllowedHosts().allows("10.0.0.1:8420", listening="10.0.0.1")
    assert not AllowedHosts().allows("10.0.0.2:8420", listening="10.0.0.1")
    assert AllowedHosts().allows(socket.gethostname())


@given(st.text())
def test_any_host_header_has_a_name(header: str) -> None:
    assert isinstance(AllowedHosts(["a"]).allows(header), bool)
    assert host_name(header) == host_name(header).lower()


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"origin": "http://127.0.0.1:8420"}, False),
        ({"origin": "https://127.0.0.1:8420"}, False),
        ({"origin": "http://127.0.0.1:3000"}, True),
        ({"origin": "http://localhost:8420"}, True),
        ({"origin": "https://attacker.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://["}, True),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "something new"}, True),
    ],
)
def test_a_page_of_somebody_else_is_known_by_what_its_browser_says(headers: dict, foreign: bool) -> None:
    assert is_foreign(Headers({"host": "127.0.0.1:8420", **headers})) is foreign


@pytest.mark.parametrize("path", ["/healthz", "/v1/status", "/v1/videos", "/metrics", "/openapi.json", "/nothing"])
@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Host", "attacker.example", 400, "host_not_allowed"),
        ("Origin", "https://attacker.example", 403, "origin_not_allowed"),
        ("Sec-Fetch-Site", "cross-site", 403, "origin_not_allowed"),
    ],
)
def test_a_web_page_gets_nowhere(fake: Client, path: str, header: str, value: str, status: int, code: str) -> None:
    answer = requests.get(fake.url + path, headers={header: value})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_web_page_cannot_make_a_browser_change_anything(fake: Client) -> None:
    job = fake.create("hold")
    for path in (f"/v1/videos/{job['id']}/cancel", "/v1/models/tiny/unload", "/v1/uploads"):
        answer = requests.post(fake.url + path, headers={"Origin": "https://attacker.example"})
        assert answer.status_code == 403
    assert fake.get(job["id"])["state"] != "cancelled"
    fake.cancel(job["id"])


@pytest.mark.parametrize("path", ["/v1/videos", "/healthz", "/nothing", "/v1/videos/x"])
def test_no_answer_is_kept_guessed_at_or_shared_with_pages(fake: Client, path: str) -> None:
    for answer in (requests.get(fake.url + path), requests.options(fake.url + path, headers={"Origin": fake.url})):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(fake: Client) -> dict:
    return fake.wait(fake.create("orange fire", steps=1)["id"])


@pytest.mark.parametrize(
    "number",
    [
        "..%2f..%2fjobs.sqlite3",
        "..%2f0001.png",
        "../0001.png",
        "..%5c0001",
        "..\\0001",
        "%2e%2e%2f1",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "C:%5csecret",
        "C:",
        "1%00.png",
        "0001.png",
        "+1",
        "%201",
        "1e0",
        "%d9%a1",
    ],
)
@pytest.mark.parametrize("what", ["frames/", "sidecar/", "preview/", ""])
def test_no_path_leads_out_of_the_clips(fake: Client, done: dict, what: str, number: str) -> None:
    status, body = raw(fake.url, f"/v1/videos/{done['id']}/{what}{number}")

    assert status == 404
    assert json.loads(body)["error"]["code"] == "not_found"


@pytest.mark.parametrize("job_id", ["..", "../clips", "..%2fclips", "%2e%2e", "..%5cclips", "%00", "C:%5c", "' OR 1=1"])
@pytest.mark.parametrize("what", ["", "/frames/1", "/sidecar", "/preview", "/events"])
def test_a_job_is_named_by_its_id_alone(fake: Client, job_id: str, what: str) -> None:
    # A space in a request target would end it.
    status, _ = raw(fake.url, f"/v1/videos/{job_id.replace(' ', '%20')}{what}")

    assert status == 404


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
@pytest.mark.parametrize("replaced", ["frame", "folder"])
def test_a_link_that_leads_elsewhere_is_not_followed(fake: Client, tmp_path: Path, replaced: str) -> None:
    job = fake.wait(fake.create("orange fire", steps=1)["id"])
    folder = Path(job["clips"][0]["folder"])
    (tmp_path / "0001.png").write_bytes(b"a secret")
    if replaced == "frame":
        (folder / "0001.png").unlink()
        (folder / "0001.png").symlink_to(tmp_path / "0001.png")
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path)
    with pytest.raises(ClientError) as caught:
        fake.frame(job["id"], 1)

    assert caught.value.code == "not_found"


@pytest.mark.parametrize("upload", ["..%2f..%2fjobs.sqlite3", "..", "%2fetc%2fpasswd", "AB" * 32, "x"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_upload_is_named_by_its_hash_alone(fake: Client, method: str, upload: str) -> None:
    assert raw(fake.url, f"/v1/uploads/{upload}", method)[0] in (404, 405)


# --- token -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("guarded")
    options = ["--data-dir", str(folder / "data"), "--token-file", str(folder / "token"), "--host", "0.0.0.0"]
    with ServerProcess([*options, "--allowed-host", "render.example"], program=FAKE) as running:
        yield running.url, (folder / "token").read_text().strip(), folder


def test_a_new_token_is_long_and_its_file_closed_to_others(guarded: tuple) -> None:
    _, token, folder = guarded
    assert len(token) >= 32
    if os.name == "posix":
        assert (folder / "token").stat().st_mode & 0o777 == 0o600
        assert (folder / "data/server.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("Basic eDp5", "token_missing"),
        ("Bearer", "token_wrong"),
        ("Bearer ", "token_wrong"),
        ("Bearer wrong", "token_wrong"),
        ("Bearer t\xf6ken", "token_wrong"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/status", "/metrics", "/openapi.json", "/nothing", "/healthz/"])
def test_without_the_token_nothing_is_told(guarded: tuple, path: str, authorization: str | None, code: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    status, body = raw(guarded[0], path, **headers)

    assert (status, json.loads(body)["error"]["code"]) == (401, code)


def test_with_the_token_everything_works(guarded: tuple) -> None:
    url, token, _ = guarded
    client = Client(url, token)
    assert client.wait(client.create("fire", steps=1)["id"])["state"] == "succeeded"
    assert requests.get(f"{url}/v1/status", headers={"Authorization": f"bearer {token}"}).ok


def test_health_is_open(guarded: tuple) -> None:
    assert requests.get(f"{guarded[0]}/healthz").json() == {"status": "ok"}
    assert requests.get(f"{guarded[0]}/readyz").json() == {"status": "ready"}


def test_names_are_checked_with_a_token_too(guarded: tuple) -> None:
    url, token, _ = guarded
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{url}/v1/status", headers={**headers, "Host": "render.example:1"}).ok
    assert requests.get(f"{url}/v1/status", headers={**headers, "Host": "attacker.example"}).status_code == 400


def test_a_client_finds_the_server_and_its_token(guarded: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(guarded[2] / "data"))
    client = Client()
    assert client.url == guarded[0]
    assert client.check_version()["state"] == "ready"
