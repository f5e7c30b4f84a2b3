"""Responses with a stored file or a byte range of it (RFC 9110, section 14)."""

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
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request

    from api.limits.thread_pool import ThreadPool

READ_BYTES = 256 << 10
RESTORE = "Restore it from a backup, or upload the file again."
_RANGE = re.compile(r"\s*(\d{0,20})\s*-\s*(\d{0,20})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of bytes; both ends are inclusive, as in the header."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class RangeNotSatisfiable(HTTPException):
    """The range starts after the end of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(416, f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"})


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Parse the `Range` header for a file of `size` bytes; None stands for the whole file.

    A malformed header, another unit and several ranges are ignored, as the RFC allows. Raises
    `RangeNotSatisfiable`.
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


def serve_file(
    request: Request, path: Path, etag: str, headers: dict[str, str], view: Callable[[BinaryIO], BinaryIO] | None = None
) -> Response:
    """Respond to GET or HEAD with the file, a range of it, or 304 if the client has it.

    `etag` is a strong validator: it names immutable bytes. The file is opened before the response
    starts, so a file that is deleted meanwhile is still sent completely. `view` converts the opened
    file to what is sent, always to the same bytes, which `etag` names. Raises `MissingData`, and
    `Unavailable` if it cannot be read.
    """
    file = _open(path)
    try:
        return _build_response(request, file if view is None else view(file), etag, headers)
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


def _build_response(request: Request, file: BinaryIO, etag: str, headers: dict[str, str]) -> Response:
    size = file.seek(0, os.SEEK_END)
    quoted = f'"{etag}"'
    headers = {"ETag": quoted, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable", **headers}
    if quoted in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        file.close()
        return Response(status_code=304, headers=headers)
    is_fresh = request.headers.get("if-range", quoted) == quoted
    requested = parse_range(request.headers.get("range"), size) if is_fresh else None
    byte_range = requested or ByteRange(0, size - 1)
    headers["Content-Length"] = str(byte_range.length)
    if requested is not None:
        headers["Content-Range"] = f"bytes {byte_range.first}-{byte_range.last}/{size}"
    status = 200 if requested is None else 206
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers)
    blocks = _read(get_limits(request).disk, file, byte_range)
    return StreamingResponse(blocks, status_code=status, headers=headers)


async def _read(threads: ThreadPool, file: BinaryIO, byte_range: ByteRange) -> AsyncIterator[bytes]:
    with file:
        await threads.run(file.seek, byte_range.first)
        left = byte_range.length
        while left and (block := await threads.run(file.read, min(READ_BYTES, left))):
            left -= len(block)
            yield block
