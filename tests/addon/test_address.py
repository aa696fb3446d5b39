import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.address import is_loopback, normalise
from blender_transpixar.core.errors import InvalidAddressError


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("", "http://127.0.0.1:8420"),
        ("localhost", "http://127.0.0.1:8420"),
        ("localhost:9000", "http://127.0.0.1:9000"),
        (" http://LOCALHOST:9000/ ", "http://127.0.0.1:9000"),
        ("127.0.0.1:8420", "http://127.0.0.1:8420"),
        ("render-box", "http://render-box:8420"),
        ("https://clips.example.org/transpixar/", "https://clips.example.org/transpixar"),
        ("::1", "http://[::1]:8420"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("[::1]", "http://[::1]:8420"),
        ("8421", "http://127.0.0.1:8421"),
        (" :8421 ", "http://127.0.0.1:8421"),
        ("http://127.0.0.1:8420/", "http://127.0.0.1:8420"),
        ("127.0.0.1", "http://127.0.0.1:8420"),
    ],
)
def test_addresses_as_people_type_them(typed: str, url: str):
    assert normalise(typed) == url


@pytest.mark.parametrize(
    "typed", ["ftp://box", "http://", "box:port", "box:99999", "two words", "http://me:pw@box", "a?b"]
)
def test_what_is_no_address_gets_a_sentence(typed: str):
    with pytest.raises(InvalidAddressError, match="is not a server address"):
        normalise(typed)


@given(st.text())
def test_any_text_gives_an_address_or_the_typed_error(typed: str):
    try:
        url = normalise(typed)
    except InvalidAddressError:
        return
    assert normalise(url) == url
    assert is_loopback(url) in (True, False)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8420", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.2:8420", False),
        ("http://box:1", False),
    ],
)
def test_loopback(url: str, loopback: bool):
    assert is_loopback(url) is loopback
