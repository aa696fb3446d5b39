"""Who may talk to the server: no web page that has tricked its browser, and nobody without the token if there is one.

A page can make its visitor's browser call this machine: under the page's own name, when that is made to lead here (DNS
rebinding), or across sites (CSRF). So the name must be one of ours, and the browser must not say that a page of
somebody else is behind the call. No CORS header is ever sent, so no page can read an answer either.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.errors import ApiError, error_answer

# Anybody may ask whether the server lives: what watches it has no token.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_SAME_SITE = frozenset({"same-origin", "none"})


def host_name(host_header: str) -> str:
    """The name in a Host header, without its port and the brackets of IPv6, in lower case."""
    host = host_header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rsplit(":", 1)[0] if host.count(":") == 1 else host


def _typed_name(host: str) -> str:
    """The name in what a person writes for one: with a scheme, a port or a path, as in a browser's address bar."""
    return host_name(host.partition("://")[2].partition("/")[0] if "://" in host else host.partition("/")[0])


class AllowedHosts:
    """The names under which the server may be called: those of this machine, and `more`."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._names = {"localhost", socket.gethostname().lower(), *(_typed_name(host) for host in more)}

    def allows(self, host_header: str, listening: str | None = None) -> bool:
        """Whether a Host header names this machine; `listening` is the address that the call has come to."""
        name = host_name(host_header)
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or (listening is not None and str(address) == listening)


def is_foreign(headers: Headers) -> bool:
    """Whether a web page of somebody else is behind a call, as its browser says."""
    if headers.get("sec-fetch-site", "none") not in _SAME_SITE:
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").strip().lower()
    except ValueError:
        return True


class Guard:
    """ASGI middleware that refuses calls that may not be made, with the contract's error answers."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, token: str | None) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or refuse it. Only HTTP gets through."""
        if scope["type"] != "http":
            return
        try:
            self._check(scope, Headers(scope=scope))
        except ApiError as error:
            await error_answer(error)(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _check(self, scope: Scope, headers: Headers) -> None:
        listening = scope.get("server")
        if not self._hosts.allows(headers.get("host", ""), listening[0] if listening else None):
            message = (
                "This server does not answer under that name; use http://127.0.0.1 and its port, or start it with "
                "--allowed-host and the name."
            )
            raise ApiError(400, "host_not_allowed", message)
        if is_foreign(headers):
            message = "A web page may not use this server; call it from a program, or open the address by itself."
            raise ApiError(403, "origin_not_allowed", message)
        if self._token is not None and scope["path"] not in OPEN_PATHS:
            self._check_token(headers.get("authorization"))

    def _check_token(self, authorization: str | None) -> None:
        assert self._token is not None
        asked = {"WWW-Authenticate": "Bearer"}
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            message = "This server needs its token; send it as `Authorization: Bearer TOKEN`."
            raise ApiError(401, "token_missing", message, headers=asked)
        # Takes the same time wherever the difference is.
        if not hmac.compare_digest(shown.strip().encode("utf-8", "surrogateescape"), self._token):
            message = "The token is not this server's; copy it from the file that --token-file names."
            raise ApiError(401, "token_wrong", message, headers=asked)


def _with_headers(send: Send) -> Send:
    """Answers are not kept by anybody on the way, and are taken for nothing but what they say they are."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
        await send(message)

    return send_with_headers
