"""Server addresses: what a person types, and what `requests` needs."""

import ipaddress
import re
from urllib.parse import urlsplit

from .errors import InvalidAddressError
from .typed_text import trimmed

DEFAULT_ADDRESS = "http://127.0.0.1:8420"
DEFAULT_PORT = 8420
# What is copied along with an address: the paths of the server's own answers.
_OWN_PATH = re.compile(r"(/+(v1(/.*)?|healthz|readyz|metrics|openapi\.json))+$")


def normalise(text: str) -> str:
    """The base URL for what was typed: `localhost:8420`, or the port alone, becomes `http://127.0.0.1:8420`.

    `localhost` is replaced by its number because resolving the name starts a thread. Without a port, `http` means the
    server's usual 8420 and `https` its own 443. Any other path than that of an answer is kept: a server may lie behind
    another one. Raises InvalidAddressError.
    """
    typed = trimmed(text)
    if not typed:
        return DEFAULT_ADDRESS
    if typed.removeprefix(":").isdecimal():
        typed = f"127.0.0.1:{typed.removeprefix(':')}"
    try:
        parts = urlsplit(typed if "://" in typed else f"http://{_bracketed(typed)}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _invalid(typed) from error
    if parts.scheme not in ("http", "https") or not host or parts.username or any(c.isspace() for c in parts.netloc):
        raise _invalid(typed)
    if parts.query or parts.fragment:
        raise _invalid(typed)
    if host == "localhost":
        host = "127.0.0.1"
    if port is None and parts.scheme == "http":
        port = DEFAULT_PORT
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port is None else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{_OWN_PATH.sub('', parts.path.rstrip('/')).rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Whether a normalised address stays on this computer."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def parts(url: str) -> tuple[str, int]:
    """The host and the port of a normalised address."""
    split = urlsplit(url)
    return split.hostname or "127.0.0.1", split.port or 443


def _bracketed(typed: str) -> str:
    """A bare IPv6 address in the brackets that URLs want; anything else as it is."""
    try:
        return f"[{typed}]" if ipaddress.ip_address(typed).version == 6 else typed
    except ValueError:
        return typed


def _invalid(typed: str) -> InvalidAddressError:
    return InvalidAddressError(
        f'"{typed}" is not a server address. Write it as {DEFAULT_ADDRESS} in the add-on\'s preferences.'
    )
