"""What an answer means: a shape, or the error that the service raised, in the same class."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mm.client.steps import Response
from mm.errors import ERRORS, InvalidInput, MediaError, MMError, NotFound, Unavailable
from mm.schemas import Problem

M = TypeVar("M", bound=BaseModel)

GATEWAY_STATUSES = frozenset({502, 503, 504})
_BY_STATUS: dict[int, type[MMError]] = {404: NotFound, **dict.fromkeys(GATEWAY_STATUSES, Unavailable)}


def read(reply: Response, shape: type[M], *, also: frozenset[int] = frozenset()) -> M:
    """The shape in a good answer, or in one with a status of `also`. Raises the error that the
    answer stands for."""
    if not is_success(reply) and reply.status not in also:
        raise parse_error(reply)
    try:
        return shape.model_validate_json(reply.body)
    except ValidationError as error:
        raise Unavailable(f"{reply.url} does not answer as this version of mm does ({_first(error)}).") from error


def read_bytes(reply: Response) -> bytes:
    """The body of a good answer. Raises the error that the answer stands for."""
    if not is_success(reply):
        raise parse_error(reply)
    return reply.body


def is_success(reply: Response) -> bool:
    return 200 <= reply.status < 300


def parse_error(reply: Response) -> MMError:
    """The error that a bad answer stands for; one without problem details is told by its status."""
    try:
        problem = Problem.model_validate_json(reply.body)
    except ValidationError:
        return _by_status(reply.status)(f"{reply.url} answered {_phrase(reply.status)}, and not in mm's words.")
    slug = problem.type.rpartition("/")[2]
    if slug == MediaError.slug:
        return _media_error(problem)
    return ERRORS.get(slug, _by_status(reply.status))(problem.detail)


def _media_error(problem: Problem) -> MMError:
    extra = problem.model_extra or {}
    name, reason = str(extra.get("name", "")), str(extra.get("reason", "unreadable"))
    # The sentence is built from the three fields; taken apart, it is not built twice.
    return MediaError(name, reason, problem.detail.removeprefix(f"{name}: ").removesuffix(f" ({reason})"))


def _by_status(status: int) -> type[MMError]:
    return _BY_STATUS.get(status, InvalidInput if 400 <= status < 500 else MMError)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
