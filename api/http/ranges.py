"""Byte ranges of a stored file (RFC 9110, section 14), so that a player can seek without loading
all of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from api.limits.resources import get_limits
from mm.errors import MissingData, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool

READ_BYTES = 256 << 10
RESTORE = "Restore it from a backup, or send the file again."
_RANGE = re.compile(r"\s*(\d{0,20})\s*-\s*(\d{0,20})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A stretch of a file, both ends inclusive, as the header counts."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class RangeNotSatisfiable(HTTPException):
    """The range starts behind the end of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(416, f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"})


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that `header` asks for in a file of `size` bytes; None means all of it.

    A header that is malformed, of another unit or of several ranges is ignored, as the standard
    allows. Raises `RangeNotSatisfiable`.
    """
    unit, _, value = (header or "").partition("=")
    match = _RANGE.fullmatch(value)
    if unit.strip().lower() != "bytes" or match is None or match[1] == match[2] == "":
        return None
    if not match[1]:  # the last n bytes
        first, last = size - int(match[2]), size - 1
        satisfiable = int(match[2]) > 0 and size > 0
    else:
        first, last = int(match[1]), int(match[2]) if match[2] else size - 1
        if match[2] and last < first:
            return None
        satisfiable = first < size
    if not satisfiable:
        raise RangeNotSatisfiable(size)
    return ByteRange(max(first, 0), min(last, size - 1))


def serve_file(request: Request, path: Path, etag: str, headers: dict[str, str]) -> Response:
    """Answer GET or HEAD with the file, a range of it, or 304 when the caller has it.

    `etag` is strong: the name of immutable bytes. Opens the file before it answers, so a file
    deleted meanwhile is still sent whole. Raises `MissingData`, `Unavailable` when it cannot be
    read.
    """
    file = _open(path)
    try:
        return _answer(request, file, etag, headers)
    except BaseException:
        file.close()
        raise


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise MissingData(f"The file {path.name} is not in the folder blobs of MM_HOME. {RESTORE}") from error
    except OSError as error:
        raise Unavailable(f"The file {path.name} cannot be read: {error.strerror}.") from error


def _answer(request: Request, file: BinaryIO, etag: str, headers: dict[str, str]) -> Response:
    size = os.fstat(file.fileno()).st_size
    quoted = f'"{etag}"'
    headers = {"ETag": quoted, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable", **headers}
    if quoted in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        file.close()
        return Response(status_code=304, headers=headers)
    fresh = request.headers.get("if-range", quoted) == quoted
    wanted = parse_range(request.headers.get("range"), size) if fresh else None
    part = wanted or ByteRange(0, size - 1)
    headers["Content-Length"] = str(part.length)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers)
    reading = _read(get_limits(request).disk, file, part)
    return StreamingResponse(reading, status_code=status, headers=headers)


async def _read(threads: ThreadPool, file: BinaryIO, part: ByteRange) -> AsyncIterator[bytes]:
    with file:
        await threads.run(file.seek, part.first)
        left = part.length
        while left and (block := await threads.run(file.read, min(READ_BYTES, left))):
            left -= len(block)
            yield block
