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
from server.files import is_full
from server.jobs.errors import Conflict, NotAdmitted, Refusal
from server.jobs.store import StoreFailed
from server.media.steps.recipe import recipe_problem

log = logging.getLogger(__name__)

# The status of a refusal where its code says more than its class.
_STATUS = {"queue_full": 429, "disk_low": 503, "licence_not_accepted": 409, "model_unusable": 409}


class ApiError(Exception):
    """An answer other than success: HTTP status, stable code and a sentence that says what to change."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, field=field)
        self.headers = headers


def error_answer(error: ApiError) -> JSONResponse:
    """The answer for an error."""
    content = ErrorAnswer(error=error.body).model_dump(mode="json")
    return JSONResponse(content, status_code=error.status, headers=error.headers)


def of_refusal(refusal: Refusal) -> ApiError:
    """The error for what the jobs refuse."""
    headers = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, NotAdmitted) else None
    otherwise = 409 if isinstance(refusal, Conflict) else 503 if isinstance(refusal, NotAdmitted) else 422
    status = _STATUS.get(refusal.code, otherwise)
    return ApiError(status, refusal.code, refusal.message, refusal.field, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` answer as the contract says."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(StoreFailed, _on_store_failure)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_mistake)


async def _on_api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_answer(error)


async def _on_refusal(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return error_answer(of_refusal(error))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    status, code = error.status_code, "http_error"
    match status:
        case 404:
            code, message = "not_found", f"There is nothing at {path}; see docs/api.md for what there is."
        case 405:
            code = "method_not_allowed"
            message = f"{request.method} is not possible at {path}; see docs/api.md for what is."
        case 400:
            # FastAPI's word for a body that it could not even try to parse.
            status, code = 422, "invalid_field"
            message = "The request body cannot be read; send one JSON object in UTF-8."
        case _:
            message = str(error.detail)
    headers = dict(error.headers) if error.headers else None
    return error_answer(ApiError(status, code, message, headers=headers))


async def _on_store_failure(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreFailed)
    log.error("%s %s: %s", request.method, request.url.path, error)
    return error_answer(ApiError(503, error.code, error.sentence, headers={"Retry-After": "5"}))


async def _on_os_error(request: Request, error: Exception) -> JSONResponse:
    if not is_full(error):
        return await _on_mistake(request, error)
    log.error("%s %s: %s", request.method, request.url.path, error)
    message = "The server's disk is full; make room on it or remove old videos."
    return error_answer(ApiError(503, "disk_full", message, headers={"Retry-After": "60"}))


async def _on_mistake(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "The server made a mistake with this call; its log has the details."
    return error_answer(ApiError(500, "internal_error", message))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    body = describe(error.errors(), _known_fields(request))
    return error_answer(ApiError(422, body.code, body.message, body.field))


def _known_fields(request: Request) -> Sequence[str]:
    """The fields that the body of this call may have."""
    body = getattr(request.scope.get("route"), "body_field", None)
    model = body.field_info.annotation if body is not None else None
    return list(getattr(model, "model_fields", ()))


def describe(errors: Sequence[dict[str, Any]], known_fields: Sequence[str]) -> ErrorBody:
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
    if field == "finishing":
        message = recipe_problem([{**first, "loc": location[2:]}])
        return ErrorBody(code="bad_finishing", message=_printable(message, 400), field=field)
    if kind == "extra_forbidden":
        name = _printable(str(location[-1]))
        return ErrorBody(code="unknown_field", message=_unknown(name, known_fields), field=field)
    if kind == "missing" and field == "prompt":
        message = "The request has no prompt; describe the effect, for example 'orange fire'."
        return ErrorBody(code="prompt_empty", message=message, field=field)
    where = _printable(".".join(str(part) for part in location[1:]))
    return ErrorBody(code="invalid_field", message=_invalid(where, kind, first), field=field)


def _printable(name: str, length: int = 60) -> str:
    """A text of the caller's making as something that can stand in an answer."""
    return name[:length].encode("utf-8", "replace").decode("utf-8")


def _unknown(field: str, known: Sequence[str]) -> str:
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
        "string_pattern_mismatch": "the id of an upload, 64 hex digits",
        "tuple_type": "a list",
        "missing": "there",
    }.get(kind)
    if kind == "literal_error":
        wanted = error["ctx"]["expected"]
    return f"The field '{field}' must be {wanted}." if wanted else f"The field '{field}' is not valid: {error['msg']}."
