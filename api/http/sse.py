"""Server-sent events: the steps of a job as they are written to the catalog, resumable by
Last-Event-ID."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from api.http.problems import TYPE_BASE
from mm.errors import Unauthorized
from mm.schemas import FINAL_STATES, JobEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

MEDIA_TYPE = "text/event-stream"
POLL_SECONDS = 0.2
READS_PER_SECOND = 50.0
"""Most that the streams of one caller read the catalog: with more than ten of them, each reads less
often."""
HEARTBEAT_SECONDS = 10.0
RETRY_MILLISECONDS = 1000
AGAIN_SECONDS = 2.0
"""Between two looks at whether the latest event says something else by now."""


def encode(event: JobEvent) -> bytes:
    """One event on the wire. JSON has no raw line break, so one data line is enough."""
    return f"id: {event.id}\nevent: job\ndata: {event.model_dump_json()}\n\n".encode()


def encode_unauthorized(detail: str) -> bytes:
    """The last event of a stream whose caller is not allowed any more; a client that connects again
    gets a 401."""
    document = {
        "type": TYPE_BASE + Unauthorized.slug,
        "title": Unauthorized.title,
        "status": Unauthorized.status,
        "detail": detail,
    }
    return f"event: {Unauthorized.slug}\ndata: {json.dumps(document)}\n\n".encode()


def get_poll_interval(streams: int) -> float:
    """Seconds between two reads of a stream whose caller has `streams` of them."""
    return max(POLL_SECONDS, streams / READS_PER_SECOND)


async def stream(
    read: Callable[[int], Awaitable[Sequence[JobEvent]]], after: int, pause: Callable[[], float] = lambda: POLL_SECONDS
) -> AsyncIterator[bytes]:
    """Events behind id `after` until one is final; `read(after)` gives what is there now, in order,
    `pause()` when to read again.

    The latest event is read and sent again when it says something else than before: its job's
    position changes without an event. A comment goes out when nothing else did for a while: it
    keeps proxies from closing the connection, and a dead client is noticed.
    """
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    sent = looked = time.monotonic()
    latest: JobEvent | None = None
    while True:
        events = list(await read(after))
        if not events and after and time.monotonic() - looked >= AGAIN_SECONDS:
            events = [event for event in await read(after - 1) if event != latest]
            looked = time.monotonic()
        for event in events:
            yield encode(event)
            after, sent, latest = event.id, time.monotonic(), event
            if event.state in FINAL_STATES:
                return
        if time.monotonic() - sent >= HEARTBEAT_SECONDS:
            yield b": heartbeat\n\n"
            sent = time.monotonic()
        await asyncio.sleep(pause())
