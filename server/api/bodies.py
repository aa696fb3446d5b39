"""The bodies of calls: small JSON, but for uploads."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.errors import ApiError, error_answer

# A request of the longest prompts is a few kilobytes.
MAX_JSON_BYTES = 256 * 1024


def declared_length(headers: Headers) -> int | None:
    """The Content-Length of a call, None when it does not say."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def too_large(limit: str) -> ApiError:
    """The error for a body above a limit; the connection ends, because nobody reads the rest of the body."""
    return ApiError(413, "too_large", f"The body is too large; send at most {limit}.", headers={"Connection": "close"})


async def require_json(request: Request) -> None:
    """Raise ApiError (415) unless the body calls itself JSON: a form of a web page cannot do that."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        message = "The body must be JSON; send it with `Content-Type: application/json`."
        raise ApiError(415, "not_json", message)


class SmallBodies:
    """ASGI middleware that reads the bodies of all calls but uploads, up to a limit, before they are handled."""

    def __init__(self, app: ASGIApp, streamed: frozenset[str], limit: int = MAX_JSON_BYTES) -> None:
        self._app = app
        self._streamed = streamed
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with its body, or refuse it."""
        if scope["method"] in ("GET", "HEAD") or scope["path"] in self._streamed:
            await self._app(scope, receive, send)
            return
        try:
            first = await self._read(receive, declared_length(Headers(scope=scope)))
        except ApiError as error:
            await error_answer(error)(scope, receive, send)
            return

        async def replay() -> Message:
            nonlocal first
            if first is None:
                return await receive()
            message, first = first, None
            return message

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive, length: int | None) -> Message | None:
        """The whole body as one message. Raises ApiError (413)."""
        body = bytearray()
        more = length is None or length <= self._limit
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            more = message.get("more_body", False) and len(body) <= self._limit
        if (length or 0) > self._limit or len(body) > self._limit:
            raise too_large(f"{self._limit // 1024} KiB")
        return {"type": "http.request", "body": bytes(body), "more_body": False}
