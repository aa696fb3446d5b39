"""Event streams whose readers have gone."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send


class GoneReaders:
    """ASGI middleware that takes the end of a connection for what it is, not for a mistake of this program.

    FastAPI's stream can fail when its reader goes while an event is handed over, and every reader goes some time:
    https://github.com/fastapi/fastapi/pull/15824.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; nobody is left to hear of that failure."""
        try:
            await self._app(scope, receive, send)
        except* (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
