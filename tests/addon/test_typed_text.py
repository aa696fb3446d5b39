"""What people type, paste and save: understood in one way by the add-on and the server."""

import codecs
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core import typed_text
from blender_transpixar.core.address import DEFAULT_ADDRESS, normalise
from blender_transpixar.core.errors import InvalidAddressError, InvalidRequestError
from blender_transpixar.core.request import ClipRequest
from blender_transpixar.core.server_file import read_token
from server import access_token
from server import typed_text as of_the_server
from server.address import BadAddress, normalised
from server.client import Client, ClientError
from server.startup import StartFailure

TOKEN = "abcdefghijklmnop-1234"
BLANK = [
    "",
    " ",
    "\u200b",
    "\ufeff\u200b\u2060",
    "\x00\x01\x1b",
    "\u3164",
    "\u2800\ufe0f",
    "\t\r\n",
    "\u00ad\u00a0\u3000",
]
SEEN = ["fire", " a ", "\u200bfire", "火", "🔥", "-", "\u0301x"]


@pytest.mark.parametrize("text", BLANK)
def test_nothing_visible_is_no_prompt(text: str):
    assert typed_text.is_blank(text) and typed_text.trimmed(text) == ""
    with pytest.raises(InvalidRequestError, match="The prompt is empty") as caught:
        ClipRequest(prompt=text)
    assert caught.value.code == "prompt_empty"


@pytest.mark.parametrize("text", SEEN)
def test_whatever_can_be_seen_is_one(text: str):
    assert ClipRequest(prompt=text).prompt == text
    assert typed_text.trimmed(text) in text


def test_ends_that_mean_something_stay():
    england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    for text in (england, "❤\ufe0f", "👨\u200d👩"):
        assert typed_text.trimmed(f"\ufeff {text}\u200b\n") == text


def test_both_have_the_same_rule():
    for code in range(sys.maxunicode + 1):
        text = chr(code)
        assert typed_text.is_blank(text) == of_the_server.is_blank(text), hex(code)
        assert typed_text.trimmed(text + "x" + text) == of_the_server.trimmed(text + "x" + text), hex(code)


@pytest.mark.parametrize(
    "data",
    [
        TOKEN.encode(),
        f"{TOKEN}\r\n".encode(),
        codecs.BOM_UTF8 + f"{TOKEN}\r\n".encode(),
        f"{TOKEN}\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + f"{TOKEN}\r\n".encode("utf-16-be"),
        f"  {TOKEN}\u200b\n\n".encode(),
    ],
)
def test_a_token_file_of_any_editor(data: bytes, tmp_path: Path):
    file = tmp_path / "token"
    file.write_bytes(data)
    file.chmod(0o600)
    assert read_token(file) == access_token.read_token(file) == access_token.server_token(file) == TOKEN


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"\x80\x81", "pässwörter-genug".encode(), b"two words of a token"]
)
def test_a_file_that_holds_none(data: bytes, tmp_path: Path):
    file = tmp_path / "token"
    file.write_bytes(data)
    file.chmod(0o600)
    with pytest.raises(StartFailure, match=r"is not usable|cannot be read") as caught:
        access_token.server_token(file)
    assert str(file) in str(caught.value)
    read_token(file)


def test_tokens_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSPIXAR_TOKEN", f"\ufeff{TOKEN}\r\n")
    assert access_token.server_token(None) == access_token.callers_token(None) == TOKEN
    monkeypatch.setenv("TRANSPIXAR_TOKEN", "tökén tökén tökén")
    with pytest.raises(ClientError, match="TRANSPIXAR_TOKEN is not usable"):
        Client("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://127.0.0.1:8420/v1/status", "http://127.0.0.1:8420"),
        ("localhost:9000/healthz", "http://127.0.0.1:9000"),
        ("http://box:9000/v1", "http://box:9000"),
        ("https://clips.example.org/transpixar/v1/videos/", "https://clips.example.org/transpixar"),
        ("https://clips.example.org/transpixar/", "https://clips.example.org/transpixar"),
        ("\ufeffhttp://box:9000\u200b\r\n", "http://box:9000"),
        ("8421", "http://127.0.0.1:8421"),
        ("box/healthz//healthz/", "http://box:8420"),
    ],
)
def test_an_address_with_more_than_an_address(typed: str, url: str):
    assert normalise(typed) == normalised(typed) == Client(typed).url == url


@given(
    st.text() | st.from_regex(r"(https?://)?[a-z:.\[\]0-9]{1,12}(:[0-9]{1,6})?(/[a-z0-9]{0,6}){0,3}", fullmatch=True)
)
def test_both_read_addresses_alike(typed: str):
    try:
        of_the_addon = normalise(typed)
    except InvalidAddressError:
        of_the_addon = None
    try:
        found = normalised(typed)
    except BadAddress as error:
        assert str(error).endswith(".")
        found = None
    assert of_the_addon is None or normalise(of_the_addon) == of_the_addon
    assert found == of_the_addon or (of_the_addon == DEFAULT_ADDRESS and not typed_text.trimmed(typed))


def test_an_address_that_is_none_is_named():
    with pytest.raises(ClientError, match="'ftp://box' is no server address; write it as http") as caught:
        Client("ftp://box")
    assert caught.value.code == "bad_address"
