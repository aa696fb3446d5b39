"""Turns everything that can go wrong with a call into the contract's error answer."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from server.api.schemas import ErrorAnswer, ErrorBody
from server.jobs.request import VideoRequestInput
from server.jobs.validation import RequestError

log = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer other than success: HTTP status, stable code and a sentence that says what to change."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, field=field)


def error_answer(status: int, body: ErrorBody) -> JSONResponse:
    """The answer for an error."""
    return JSONResponse(ErrorAnswer(error=body).model_dump(mode="json"), status_code=status)


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` answer as the contract says."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_mistake)


async def _on_api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_answer(error.status, error.body)


async def _on_request_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return error_answer(422, ErrorBody(code=error.code, message=error.message, field=error.field))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    match error.status_code:
        case 404:
            body = ErrorBody(
                code="not_found", message=f"There is nothing at {path}; see docs/api.md for what there is."
            )
        case 405:
            message = f"{request.method} is not possible at {path}; see docs/api.md for what is."
            body = ErrorBody(code="method_not_allowed", message=message)
        case 400:
            # FastAPI's word for a body that it could not even try to parse.
            message = "The request body cannot be read; send one JSON object in UTF-8."
            return error_answer(422, ErrorBody(code="invalid_field", message=message))
        case _:
            body = ErrorBody(code="http_error", message=str(error.detail))
    answer = error_answer(error.status_code, body)
    answer.headers.update(error.headers or {})
    return answer


async def _on_mistake(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "The server made a mistake with this call; its log has the details."
    return error_answer(500, ErrorBody(code="internal_error", message=message))


async def _on_validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return error_answer(422, describe(error.errors()))


def describe(errors: Sequence[dict[str, Any]]) -> ErrorBody:
    """The error body for what pydantic found wrong with a request; `errors` is its list. Only the first is told."""
    first = errors[0]
    kind, location = first["type"], first["loc"]
    # The body itself has the location ("body",), one of its fields ("body", name).
    field = _printable(str(location[1])) if len(location) > 1 else None
    if kind == "json_invalid":
        message = f"The request body is not valid JSON ({first['ctx']['error']}); send one JSON object."
        return ErrorBody(code="invalid_field", message=message)
    if field is None:
        message = "The request body is not a JSON object; send one with Content-Type: application/json."
        return ErrorBody(code="invalid_field", message=message)
    if kind == "extra_forbidden":
        return ErrorBody(code="unknown_field", message=_unknown(field), field=field)
    if kind == "missing" and field == "prompt":
        message = "The request has no prompt; describe the effect, for example 'orange fire'."
        return ErrorBody(code="prompt_empty", message=message, field=field)
    return ErrorBody(code="invalid_field", message=_invalid(field, kind, first), field=field)


def _printable(name: str) -> str:
    """A name of the caller's making as something that can stand in an answer."""
    return name[:60].encode("utf-8", "replace").decode("utf-8")


def _unknown(field: str) -> str:
    known = list(VideoRequestInput.model_fields)
    near = difflib.get_close_matches(field, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the fields are {', '.join(known)}."
    return f"A request has no field '{field}'; {hint}"


def _invalid(field: str, kind: str, error: dict[str, Any]) -> str:
    wanted = {
        "int_type": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "string_type": "a text",
        "value_error": "a text in valid Unicode",
    }.get(kind)
    if kind == "literal_error":
        wanted = error["ctx"]["expected"]
    return f"The field '{field}' must be {wanted}." if wanted else f"The field '{field}' is not valid: {error['msg']}."
