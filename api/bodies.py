"""Request bodies read within a limit, in blocks large enough to hand to a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from api.problems import sentence
from mm.errors import InvalidInput, TooLarge
from mm.schemas import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

BLOCK_BYTES = 1 << 20

Shape = TypeVar("Shape", bound=Model)


async def blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks of about `BLOCK_BYTES`: the network's pieces are too small to be worth a thread each.

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


def refuse_longer(request: Request, limit: int, setting: str) -> None:
    """Raise `TooLarge` before anything is read when the caller says that the body is over `limit` bytes."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > limit:
        raise TooLarge(f"The body has {int(length):,} bytes; at most {limit:,} are taken (MM_{setting.upper()}).")


async def read_json(request: Request, shape: type[Shape], limit: int, setting: str) -> Shape:
    """The JSON body as `shape`. Raises `InvalidInput`, and `TooLarge` naming `setting` beyond `limit` bytes."""
    refuse_longer(request, limit, setting)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise TooLarge(f"The body is longer than {limit:,} bytes, the most that is taken (MM_{setting.upper()}).")
    try:
        return shape.model_validate_json(bytes(body))
    except ValidationError as error:
        raise InvalidInput(sentence(error.errors())) from error
