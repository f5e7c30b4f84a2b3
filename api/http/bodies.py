"""Request bodies, read within a limit and in blocks that are large enough for a thread each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from api.http.problems import describe_validation_errors
from api.limits.resources import get_limits
from api.request_context import get_client_id
from mm.errors import InvalidInput, TooLarge
from mm.files import open_new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool

BLOCK_BYTES = 1 << 20
LENGTH_DIGITS = 18

Schema = TypeVar("Schema", bound=BaseModel)


async def read_blocks(request: Request, limit: int, setting: str | None) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about `BLOCK_BYTES`.

    Raises `TooLarge` before the first block if the declared length exceeds `limit` bytes, which
    `setting` sets; a body without a declared length is not limited here. Raises `ClientDisconnect`.
    """
    check_declared_length(request, limit, setting)
    block = bytearray()
    async for chunk in request.stream():
        block += chunk
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


async def write_body(request: Request, disk: ThreadPool, path: Path, limit: int, setting: str) -> None:
    """Write the body, a file of at most `limit` bytes, to a new file.

    Raises `TooLarge`, and `InvalidInput` for an empty body.
    """
    size = 0
    with open_new(path) as file:
        async for block in read_blocks(request, limit, setting):
            size += len(block)
            if size > limit:
                raise TooLarge(f"The file has more than {limit:,} bytes, the maximum{_format_setting(setting)}.")
            await disk.run(file.write, block)
    if not size:
        raise InvalidInput("The body is empty; it must be a file.")


def get_declared_length(request: Request) -> int | None:
    """Return the value of `Content-Length`; None if it is missing or invalid."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS else None


def check_declared_length(request: Request, limit: int, setting: str | None) -> None:
    """Raise `TooLarge` if the declared length exceeds `limit` bytes, which `setting` sets."""
    length = get_declared_length(request)
    if length is not None and length > limit:
        raise TooLarge(f"The body has {length:,} bytes; the maximum is {limit:,}{_format_setting(setting)}.")


async def read_json(
    request: Request, schema: type[Schema], limit: int, setting: str | None = None, *, default: Schema | None = None
) -> Schema:
    """Parse the JSON body as `schema`; an empty body as `default`, if there is one.

    `limit` is in bytes, and `setting` sets it. Raises `InvalidInput`, `TooLarge`, and `TooMany`
    while other bodies occupy the memory for bodies.
    """
    check_declared_length(request, limit, setting)
    length = get_declared_length(request)
    with get_limits(request).bodies.hold(get_client_id(request.scope), limit if length is None else length):
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise TooLarge(f"The body has more than {limit:,} bytes, the maximum{_format_setting(setting)}.")
        if not body and default is not None:
            return default
        try:
            return schema.model_validate_json(bytes(body))
        except ValidationError as error:
            raise InvalidInput(describe_validation_errors(error.errors())) from error


def _format_setting(setting: str | None) -> str:
    return "" if setting is None else f" (MM_{setting.upper()})"
