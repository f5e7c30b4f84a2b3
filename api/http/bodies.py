"""Request bodies read within a limit, in blocks large enough to hand to a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from api.http.problems import describe_validation_errors
from api.limits.resources import get_limits
from api.request_context import get_client_id
from mm.errors import InvalidInput, TooLarge
from mm.schemas import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

BLOCK_BYTES = 1 << 20
LENGTH_DIGITS = 18

Shape = TypeVar("Shape", bound=Model)


async def blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks of about `BLOCK_BYTES`: the network's pieces are too small to be worth a
    thread each.

    Raises `ClientDisconnect` when the caller goes away in the middle.
    """
    block = bytearray()
    async for piece in request.stream():
        block += piece
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def declared_length(request: Request) -> int | None:
    """What `Content-Length` says; None without one."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS else None


def refuse_longer(request: Request, limit: int, setting: str | None) -> None:
    """Raise `TooLarge` before anything is read when the caller says that the body is over `limit`
    bytes."""
    length = declared_length(request)
    if length is not None and length > limit:
        raise TooLarge(f"The body has {length:,} bytes; at most {limit:,} are taken{_named(setting)}.")


async def read_json(
    request: Request, shape: type[Shape], limit: int, setting: str | None = None, *, empty: Shape | None = None
) -> Shape:
    """The JSON body as `shape`; `setting` is what `limit`, in bytes, comes from, `empty` stands for
    no body.

    Raises `InvalidInput`, `TooLarge`, and `TooMany` while the bodies of other requests take the
    memory for all.
    """
    refuse_longer(request, limit, setting)
    length = declared_length(request)
    with get_limits(request).bodies.hold(get_client_id(request.scope), limit if length is None else length):
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise TooLarge(f"The body is longer than {limit:,} bytes, the most that is taken{_named(setting)}.")
        if not body and empty is not None:
            return empty
        try:
            return shape.model_validate_json(bytes(body))
        except ValidationError as error:
            raise InvalidInput(describe_validation_errors(error.errors())) from error


def _named(setting: str | None) -> str:
    return "" if setting is None else f" (MM_{setting.upper()})"
