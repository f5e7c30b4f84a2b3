"""Server-sent events, and those of a job: read from the catalog, resumable with Last-Event-ID."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from api.http.problems import TYPE_BASE
from mm.errors import Unauthorized
from mm.schemas import FINAL_STATES, JobEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

    from pydantic import BaseModel

MEDIA_TYPE = "text/event-stream"
POLL_SECONDS = 0.2
READS_PER_SECOND = 50.0
"""Maximum rate at which all streams of one client read the catalog; with more than ten streams,
each reads less often."""
HEARTBEAT_SECONDS = 10.0
RETRY_MILLISECONDS = 1000
REREAD_SECONDS = 2.0
"""Interval at which the latest event is read again: its position and time left may change."""


def respond(events: AsyncIterable[bytes]) -> StreamingResponse:
    """Send encoded events as they arise, without a cache, and without a buffer of nginx."""
    return StreamingResponse(events, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def encode_event(name: str, data: BaseModel) -> bytes:
    """Encode an event. JSON has no raw line break, so it fits in one `data` line."""
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()


def encode_job_event(event: JobEvent) -> bytes:
    """Encode an event of a job with its id, after which a stream can be resumed."""
    return f"id: {event.id}\n".encode() + encode_event("job", event)


def encode_unauthorized(detail: str) -> bytes:
    """Encode the last event of a stream whose key was revoked; after it, reconnecting gets 401."""
    document = {
        "type": TYPE_BASE + Unauthorized.slug,
        "title": Unauthorized.title,
        "status": Unauthorized.status,
        "detail": detail,
    }
    return f"event: {Unauthorized.slug}\ndata: {json.dumps(document)}\n\n".encode()


def get_poll_interval(streams: int) -> float:
    """Return the poll interval in seconds of a stream whose client has `streams` of them."""
    return max(POLL_SECONDS, streams / READS_PER_SECOND)


async def stream(
    read: Callable[[int], Awaitable[Sequence[JobEvent]]], after: int, pause: Callable[[], float] = lambda: POLL_SECONDS
) -> AsyncIterator[bytes]:
    """Yield the encoded events after id `after` until one is final.

    `read(after)` returns the present events in order, `pause()` the seconds until the next read.
    The latest event is sent again when its content changes: the position of a job changes without
    a new event. A comment every `HEARTBEAT_SECONDS` keeps proxies from closing the connection and
    detects a closed one.
    """
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    last_sent = last_read = time.monotonic()
    latest: JobEvent | None = None
    while True:
        events = list(await read(after))
        if not events and after and time.monotonic() - last_read >= REREAD_SECONDS:
            events = [event for event in await read(after - 1) if event != latest]
            last_read = time.monotonic()
        for event in events:
            yield encode_job_event(event)
            after, last_sent, latest = event.id, time.monotonic(), event
            if event.state in FINAL_STATES:
                return
        if time.monotonic() - last_sent >= HEARTBEAT_SECONDS:
            yield b": heartbeat\n\n"
            last_sent = time.monotonic()
        await asyncio.sleep(pause())
