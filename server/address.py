"""Server addresses as people type them; the add-on has the same rules."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from server.typed_text import trimmed

_DEFAULT_PORT = 8420
# What is copied along with an address: the paths of this server's own answers.
_OWN_PATH = re.compile(r"(/+(v1(/.*)?|healthz|readyz|metrics|openapi\.json))+$")


class BadAddress(ValueError):
    """A text that is no address of a server; the message is a sentence."""


def normalised(text: str) -> str:
    """The base URL for what was typed, such as `localhost:8420`, a port alone, or the address of one of its answers.

    Without a port, `http` means the server's usual 8420 and `https` its own 443. Any other path is kept: a server may
    lie behind another one. Raises BadAddress.
    """
    typed = trimmed(text)
    if typed.removeprefix(":").isdecimal():
        typed = f"127.0.0.1:{typed.removeprefix(':')}"
    try:
        parts = urlsplit(typed if "://" in typed else f"http://{_bracketed(typed)}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _bad(typed) from None
    if parts.scheme not in ("http", "https") or not host or parts.username or any(c.isspace() for c in parts.netloc):
        raise _bad(typed)
    if parts.query or parts.fragment:
        raise _bad(typed)
    if host == "localhost":
        host = "127.0.0.1"
    if port is None and parts.scheme == "http":
        port = _DEFAULT_PORT
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port is None else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{_OWN_PATH.sub('', parts.path.rstrip('/')).rstrip('/')}"


def _bracketed(typed: str) -> str:
    try:
        return f"[{typed}]" if ipaddress.ip_address(typed).version == 6 else typed
    except ValueError:
        return typed


def _bad(typed: str) -> BadAddress:
    return BadAddress(f"'{typed}' is no server address; write it as http://127.0.0.1:{_DEFAULT_PORT}.")
