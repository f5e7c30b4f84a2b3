"""Parsing of responses: a schema, or the error of `mm.errors` that the service raised."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mm.client.steps import Response
from mm.errors import ERRORS, InvalidInput, MediaError, MMError, NotFound, Unavailable
from mm.schemas import Problem

M = TypeVar("M", bound=BaseModel)

GATEWAY_STATUSES = frozenset({502, 503, 504})
_BY_STATUS: dict[int, type[MMError]] = {404: NotFound, **dict.fromkeys(GATEWAY_STATUSES, Unavailable)}


def parse_body(response: Response, schema: type[M], *, accept: frozenset[int] = frozenset()) -> M:
    """Parse the body of a 2xx response, or of one with a status in `accept`.

    Raises the error that any other response reports, `Unavailable` if the body is invalid.
    """
    if not is_success(response) and response.status not in accept:
        raise parse_error(response)
    try:
        return schema.model_validate_json(response.body)
    except ValidationError as error:
        raise Unavailable(
            f"The response of {response.url} does not match this version of mm ({_describe_first(error)}). "
            "Check the address, and that client and service have the same version."
        ) from error


def parse_event(data: str, schema: type[M], url: str) -> M:
    """Parse the data of an event of a stream. Raises `Unavailable` if they are invalid."""
    try:
        return schema.model_validate_json(data)
    except ValidationError as error:
        raise Unavailable(f"{url} sent an invalid event.") from error


def read_body(response: Response) -> bytes:
    """Return the body of a 2xx response. Raises the error that any other response reports."""
    if not is_success(response):
        raise parse_error(response)
    return response.body


def is_success(response: Response) -> bool:
    return 200 <= response.status < 300


def parse_error(response: Response) -> MMError:
    """Return the error that a response reports; without problem details, the status decides."""
    try:
        problem = Problem.model_validate_json(response.body)
    except ValidationError:
        error_type = _select_error(response.status)
        return error_type(f"{response.url} responded {_describe_status(response.status)} without problem details.")
    slug = problem.type.rpartition("/")[2]
    if slug == MediaError.slug:
        return _parse_media_error(problem)
    return ERRORS.get(slug, _select_error(response.status))(problem.detail)


def parse_openai_error(data: str) -> MMError | None:
    """Return the error of an event with the member `error` of OpenAI's format; None for another."""
    try:
        event = json.loads(data)
    except ValueError:
        return None
    error = event.get("error") if isinstance(event, dict) else None
    if not isinstance(error, dict):
        return None
    return ERRORS.get(str(error.get("code")), MMError)(str(error.get("message")))


def _parse_media_error(problem: Problem) -> MMError:
    extra = problem.model_extra or {}
    name, reason = str(extra.get("name", "")), str(extra.get("reason", "unreadable"))
    # `MediaError` builds its message from the three fields: remove what it would add twice.
    return MediaError(name, reason, problem.detail.removeprefix(f"{name}: ").removesuffix(f" ({reason})"))


def _select_error(status: int) -> type[MMError]:
    return _BY_STATUS.get(status, InvalidInput if 400 <= status < 500 else MMError)


def _describe_status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _describe_first(error: ValidationError) -> str:
    first = error.errors()[0]
    location = ".".join(str(key) for key in first["loc"])
    return f"{location}: {first['msg']}" if location else str(first["msg"])
