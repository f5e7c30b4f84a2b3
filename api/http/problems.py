"""Error responses as problem details (RFC 9457), whose `type` ends in a stable slug."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.http.headers import SECURITY_HEADERS
from indexes.storage.files import DISK_FULL
from mm.errors import (
    ERRORS,
    InvalidInput,
    MediaError,
    MMError,
    NotFound,
    RequestTimeout,
    StorageFull,
    TooMany,
    Unauthorized,
    Unavailable,
)
from mm.private import hide_home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from pydantic_core import ErrorDetails
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/problems/"
FRAMEWORK = {
    400: ("bad-request", "Bad request"),
    405: ("method-not-allowed", "Method not allowed"),
    416: ("range-not-satisfiable", "Range not satisfiable"),
}
"""Slug and title of errors of the framework by status; any other status becomes 400."""
SLUGS = frozenset({*ERRORS, MediaError.slug, *(slug for slug, _ in FRAMEWORK.values())})
"""Every slug that a response can have."""
OPENAI_PREFIXES = ("/v1/chat/", "/v1/embeddings", "/v1/models")
"""Routes whose problem documents have the member `error` of OpenAI's format as well."""
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
CLIENT_CLOSED_REQUEST = 499  # never received; distinguishes an aborted upload from a failure in logs and metrics


def build_problem(
    request: Request,
    *,
    slug: str,
    title: str,
    status: int,
    detail: str,
    extensions: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; `extensions` are members in addition to the five standard ones."""
    request.scope["refusal"] = slug  # for the metric of refusals
    document: dict[str, object] = {
        "type": TYPE_BASE + slug,
        "title": title,
        "status": status,
        "detail": hide_home(detail, request.app.state.home),
        "instance": request.url.path,
        "request_id": request.scope.get("request_id"),
        **(extensions or {}),
    }
    if request.url.path.startswith(OPENAI_PREFIXES):
        document["error"] = build_openai_error(slug, status, str(document["detail"]))
    return JSONResponse(document, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def build_openai_error(slug: str, status: int, message: str) -> dict[str, str | None]:
    """Return the member `error` of OpenAI's format; its `code` is the slug of the problem."""
    kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"message": message, "type": kind, "param": None, "code": slug}


def describe_validation_errors(errors: Sequence[ErrorDetails]) -> str:
    """Describe validation errors of pydantic as one sentence: location and reason of each."""
    phrases = []
    for error in errors:
        location = ".".join(str(name) for name in error["loc"])
        phrases.append(f"{location}: {error['msg']}" if location else error["msg"])
    return "; ".join(phrases) + "."


def build_error_response(request: Request, error: MMError) -> Response:
    """Return the problem document of an `MMError`."""
    if error.status >= 500:
        structlog.get_logger().error("request failed", slug=error.slug, detail=str(error), exc_info=error)
    extensions = {"name": error.name, "reason": error.reason} if isinstance(error, MediaError) else {}
    headers = {}
    if isinstance(error, RequestTimeout):  # the rest of the body may never arrive
        headers["Connection"] = "close"
    if isinstance(error, TooMany | Unavailable):
        retry_after = error.retry_after if isinstance(error, TooMany) else 1.0
        headers["Retry-After"] = str(math.ceil(retry_after))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return build_problem(
        request,
        slug=error.slug,
        title=error.title,
        status=error.status,
        detail=str(error),
        extensions=extensions,
        headers=headers,
    )


async def _handle_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MMError)
    return build_error_response(request, error)


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return build_error_response(request, InvalidInput(describe_validation_errors(error.errors())))


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    """Convert errors of the framework: unknown route, wrong method, invalid range."""
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return build_error_response(request, NotFound(f"There is no route {request.url.path}."))
    status = error.status_code if error.status_code in FRAMEWORK else 400
    slug, title = FRAMEWORK[status]
    detail = f"{request.url.path} does not support {request.method}." if error.status_code == 405 else str(error.detail)
    return build_problem(request, slug=slug, title=title, status=status, detail=detail, headers=error.headers)


async def _handle_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _handle_os_error(request: Request, error: Exception) -> Response:
    """Convert a full disk to `StorageFull`; any other error of the system is unexpected."""
    assert isinstance(error, OSError)
    if error.errno not in DISK_FULL:
        return await _handle_unexpected(request, error)
    return build_error_response(
        request, StorageFull(f"The disk of the service cannot be written: {error.strerror}. Free space on it.")
    )


def describe_unexpected_error(request_id: str) -> str:
    """Return the message of an error whose details are only in the log."""
    return f"Unexpected error in the service; search its log for the request id {request_id}."


async def _handle_unexpected(request: Request, error: Exception) -> Response:
    """Log an unexpected error with its stack; the response has only the request id."""
    structlog.get_logger().error("request failed unexpectedly", exc_info=error)
    request_id = str(request.scope.get("request_id"))
    detail = describe_unexpected_error(request_id)
    # This handler runs outside the middleware that sets the id and the security headers.
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "X-Request-ID": request_id}
    return build_problem(request, slug=MMError.slug, title=MMError.title, status=MMError.status, detail=detail, headers=headers)


def install(app: FastAPI) -> None:
    """Register the handlers that convert every error of `app` to a problem document."""
    app.add_exception_handler(MMError, _handle_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_exception_handler(ClientDisconnect, _handle_disconnect)
    app.add_exception_handler(OSError, _handle_os_error)
    app.add_exception_handler(Exception, _handle_unexpected)
