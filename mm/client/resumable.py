"""A file sent so that a broken line costs only what was on it: tus 1.0, as the service speaks it
under `/v1/uploads`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

from mm.client.responses import is_success, parse_error
from mm.client.steps import Body, Flow, Response, Send, Sleep
from mm.errors import Conflict, Gone, Locked, NotFound, RequestTimeout, StorageFull, TooMany, Unavailable

LARGE_BYTES = 8 << 20
"""Files of this size and above are sent this way; for smaller ones, a second request costs more
than sending them again."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds before each new try; bytes that arrived start anew."""
UPLOADS = "/v1/uploads"
VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"
AGAIN = frozenset({Conflict.status, Locked.status, RequestTimeout.status, TooMany.status, Unavailable.status, 502, 504})
"""Answers after which the service is asked how far it is, and the rest is sent."""


def send_resumable(
    file: Path | bytes,
    size: int,
    name: str,
    tags: Sequence[str],
    sent: Callable[[int], None],
    upload: str | None = None,
    on_upload: Callable[[str], None] | None = None,
) -> Flow[Response]:
    """Send a file, or the rest of it if `upload` says where its beginning is. The answer names the
    item in its headers.

    Raises `Unavailable` when the service stays away, and what it refuses the file with.
    """
    where, offset = upload, -1 if upload else 0
    reached, breaks = 0, 0
    while True:
        if where is None:
            where, offset = (yield from _begin(size, name, tags)), 0
            if on_upload is not None:
                on_upload(where)
        try:
            if offset < 0:
                reply = yield from _ask(where, size)
                if reply is None:
                    where = None
                    continue
                if "mm-item" in reply.headers:
                    return reply
                offset = int(reply.headers["upload-offset"])
            if offset > reached:
                reached, breaks = offset, 0
            headers = {**VERSION, "Content-Type": PIECE, "Upload-Offset": str(offset)}
            reply = yield from Send("PATCH", where, headers=headers, body=Body(file, size - offset, sent, start=offset))
            if is_success(reply) and "mm-item" in reply.headers:
                return reply
            error = parse_error(reply)
            if not is_success(reply) and reply.status not in AGAIN:
                raise error
        except StorageFull:
            raise
        except Unavailable as broken:
            error = broken
        if breaks == len(PAUSES):
            raise error
        yield from Sleep(PAUSES[breaks])
        breaks, offset = breaks + 1, -1


def _begin(size: int, name: str, tags: Sequence[str]) -> Flow[str]:
    given = {"filename": name, "tags": ",".join(tags)}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in given.items() if value)
    reply = yield from Send("POST", UPLOADS, headers={**VERSION, "Upload-Length": str(size), "Upload-Metadata": metadata})
    if not is_success(reply):
        raise parse_error(reply)
    where = reply.headers.get("location", "")
    if not where.startswith(f"{UPLOADS}/"):
        raise Unavailable(f"{reply.url} does not answer as this version of mm does (Location: {where!r}).")
    return where


def _ask(where: str, size: int) -> Flow[Response | None]:
    """How far an upload is; `None` when it is gone or of another file."""
    reply = yield from Send("HEAD", where, headers=VERSION)
    if reply.status in {NotFound.status, Gone.status}:
        return None
    if reply.status == Locked.status:  # an answer to HEAD has no body to say it with
        raise Unavailable(f"{reply.url} is being worked on by another request.")
    if not is_success(reply) or not reply.headers.get("upload-offset", "").isdigit():
        raise parse_error(reply)
    return reply if reply.headers.get("upload-length") == str(size) else None
