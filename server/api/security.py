"""Who may talk to the server: only programs on this machine, and no web page that has tricked its browser."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.errors import error_answer
from server.api.schemas import ErrorBody


def is_loopback_host(host_header: str) -> bool:
    """Whether a Host header names this machine: `localhost` or a loopback address, with or without a port."""
    host = host_header.strip()
    # An IPv6 address stands in brackets: "[::1]:8420".
    name = host[1 : host.find("]")] if host.startswith("[") else host.rsplit(":", 1)[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class LoopbackHosts:
    """ASGI middleware that refuses calls under a foreign name (DNS rebinding), with the contract's error answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or refuse it."""
        if scope["type"] == "http" and not is_loopback_host(Headers(scope=scope).get("host", "")):
            message = "This server answers only under the name of this machine; use http://127.0.0.1 and its port."
            await error_answer(400, ErrorBody(code="host_not_allowed", message=message))(scope, receive, send)
            return
        await self._app(scope, receive, send)
