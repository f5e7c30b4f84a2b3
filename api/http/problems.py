"""Every error leaves as problem details (RFC 9457): `application/problem+json` whose `type` ends in
a stable slug."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.middleware.security_headers import SECURITY_HEADERS
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
"""Slug and title of the errors that the framework raises, by status; any other counts as 400."""
SLUGS = frozenset({*ERRORS, MediaError.slug, *(slug for slug, _ in FRAMEWORK.values())})
"""Every slug that an answer can have."""
CLIENT_CLOSED_REQUEST = 499  # nobody reads it; it keeps a cut-off upload apart from a failure in logs and metrics


def problem(
    request: Request,
    *,
    slug: str,
    title: str,
    status: int,
    detail: str,
    extensions: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem document; `extensions` are members beside the five of the standard."""
    request.scope["refusal"] = slug  # for the count of refusals
    document = {
        "type": TYPE_BASE + slug,
        "title": title,
        "status": status,
        "detail": hide_home(detail, request.app.state.home),
        "instance": request.url.path,
        "request_id": request.scope.get("request_id"),
        **(extensions or {}),
    }
    return JSONResponse(document, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def describe_validation_errors(errors: Sequence[ErrorDetails]) -> str:
    """What pydantic found, in words: where, and what is wrong there."""
    parts = []
    for error in errors:
        where = ".".join(str(part) for part in error["loc"])
        parts.append(f"{where}: {error['msg']}" if where else error["msg"])
    return "; ".join(parts) + "."


def build_error_response(request: Request, error: MMError) -> Response:
    """The problem document of an error of ours."""
    if error.status >= 500:
        structlog.get_logger().error("request failed", slug=error.slug, detail=str(error), exc_info=error)
    extensions = {"name": error.name, "reason": error.reason} if isinstance(error, MediaError) else {}
    headers = {}
    if isinstance(error, RequestTimeout):  # the rest of the body may never come
        headers["Connection"] = "close"
    if isinstance(error, TooMany | Unavailable):
        wait = error.retry_after if isinstance(error, TooMany) else 1.0
        headers["Retry-After"] = str(math.ceil(wait))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(
        request,
        slug=error.slug,
        title=error.title,
        status=error.status,
        detail=str(error),
        extensions=extensions,
        headers=headers,
    )


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, MMError)
    return build_error_response(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return build_error_response(request, InvalidInput(describe_validation_errors(error.errors())))


async def _http(request: Request, error: Exception) -> Response:
    """Errors of the framework: no such route, a method that a route lacks."""
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return build_error_response(request, NotFound(f"There is nothing at {request.url.path}."))
    status = error.status_code if error.status_code in FRAMEWORK else 400
    slug, title = FRAMEWORK[status]
    detail = f"{request.url.path} does not take {request.method}." if error.status_code == 405 else str(error.detail)
    return problem(request, slug=slug, title=title, status=status, detail=detail, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _disk(request: Request, error: Exception) -> Response:
    """A scratch file that did not fit; any other failure of the system is a defect of ours."""
    assert isinstance(error, OSError)
    if error.errno not in DISK_FULL:
        return await _unexpected(request, error)
    return build_error_response(request, StorageFull(f"Nothing more can be written: {error.strerror}."))


async def _unexpected(request: Request, error: Exception) -> Response:
    """A defect of ours: the log has the stack, the answer only the id to find it by."""
    structlog.get_logger().error("request failed unexpectedly", exc_info=error)
    request_id = str(request.scope.get("request_id"))
    detail = f"The service failed in a way that it did not foresee; its log has more under {request_id}."
    # This handler runs outside of the middleware that names requests and adds headers.
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "X-Request-ID": request_id}
    return problem(request, slug=MMError.slug, title=MMError.title, status=MMError.status, detail=detail, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(MMError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(OSError, _disk)
    app.add_exception_handler(Exception, _unexpected)
