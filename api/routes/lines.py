"""Lines of parts: create, start, stop, delete; their verdicts as pages, CSV and events."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.http import sse
from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.http.ranges import serve_file
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.lines.frame import read_frame
from api.openapi.operations import BINARY, JSON, json_body, responses
from api.request_context import current_actor, get_client_id
from api.service import ServiceDep
from api.thumbnails import encode_jpeg
from mm.errors import Conflict, Forbidden, InvalidInput, MediaError, MissingData, NotFound, TooLarge, TooMany, Unavailable
from mm.schemas import LineInfo, LineList, LinePartPage, LineRequest, LineSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

router = APIRouter(prefix="/v1/lines", tags=["lines"])

BODY_BYTES = 256 << 10
PARTS_PER_READ = 200
CAMERA: JSON = {"camera": "rtsp://viewer:password@camera.local/stream1"}
EXAMPLE: JSON = {
    "name": "press",
    "inspector": "bracket",
    "source": CAMERA,
    "sinks": {"webhook": {"url": "https://plc.local/verdicts", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
}


@router.post(
    "",
    summary="Create a line",
    status_code=201,
    responses=responses(NotFound, Conflict, Forbidden, TooLarge, TooMany, Unavailable),
    openapi_extra=json_body(LineRequest, camera=EXAMPLE),
)
async def create_line(request: Request, service: ServiceDep, limits: LimitsDep) -> LineInfo:
    """A line runs in a process of its own, which is started again when it ends by an error and
    when the service starts. Its secrets are stored and never returned."""
    body = await read_json(request, LineRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.lines.create, body, current_actor())


@router.post(
    "/frame",
    summary="Get a frame of a source",
    response_class=Response,
    responses={
        200: {"description": "The frame", "content": {"image/jpeg": {"schema": BINARY}}},
        **responses(NotFound, Forbidden, MediaError, TooLarge, Unavailable),
    },
    openapi_extra=json_body(LineSource, camera=CAMERA),
)
async def get_line_frame(request: Request, service: ServiceDep, limits: LimitsDep) -> Response:
    """The first frame at its full size, for a region of interest in its pixels. 404 if none arrives
    in 10 seconds."""
    source = await read_json(request, LineSource, BODY_BYTES)

    def read(cancelled: threading.Event) -> bytes:
        path = service.lines.find_source(source)
        return encode_jpeg(read_frame(service.settings, service.query_reader, source, path, cancelled))

    reading = limits.query_files.run_cancellable(get_client_id(request.scope), read)
    return Response(await cancel_on_disconnect(request, reading), media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get("", summary="List the lines", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_lines(service: ServiceDep) -> LineList:
    """By name, with their states."""
    return LineList(data=service.lines.list_all())


@router.get("/{name}", summary="Get a line", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")])
def get_line(name: str, service: ServiceDep) -> LineInfo:
    """State, number of verdicts of each kind, dropped frames, and the backlog of each sink."""
    return service.lines.get(name)


@router.post(
    "/{name}/start", summary="Start a line", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")]
)
def start_line(name: str, service: ServiceDep) -> LineInfo:
    """With the current version of its inspector; continues where it ended."""
    return service.lines.start(name, current_actor())


@router.post(
    "/{name}/stop", summary="Stop a line", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")]
)
def stop_line(name: str, service: ServiceDep) -> LineInfo:
    """Verdicts in progress are written first; what sinks have not accepted is sent after the next
    start."""
    return service.lines.stop(name, current_actor())


@router.delete(
    "/{name}",
    summary="Delete a line",
    status_code=204,
    responses=responses(NotFound, Conflict),
    dependencies=[hold_while_processing("catalog")],
)
def delete_line(name: str, service: ServiceDep) -> None:
    """With its verdicts and its CSV file; it must be stopped."""
    service.lines.delete(name, current_actor())


@router.get(
    "/{name}/parts",
    summary="List the verdicts of a line",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_parts(
    name: str,
    service: ServiceDep,
    after: Annotated[int, Query(ge=-(1 << 31), le=1 << 53, description="Sequence number; negative for the last ones.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> LinePartPage:
    """In their order, those after the sequence number `after`; `after=-60` begins with the 60th
    from the end."""
    return service.lines.read_parts(name, after, limit)


@router.get(
    "/{name}/parts.csv",
    summary="Get the verdicts of a line as CSV",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {}}},
        206: {"description": "The requested range", "content": {"text/csv": {}}},
        304: {"description": "The client has the file"},
        416: {"description": "The range starts after the end of the file"},
        **responses(NotFound, MissingData, Unavailable),
    },
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_parts_csv(name: str, request: Request, service: ServiceDep) -> Response:
    """Each part exactly once."""
    path = service.lines.csv_path(name)
    status = path.stat()
    headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": content_disposition(f"{name}.csv")}
    return serve_file(request, path, f"{status.st_size}-{status.st_mtime_ns}", headers)


@router.get(
    "/{name}/events",
    summary="Follow the verdicts of a line",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events named `part`, each a `LinePart` whose `id` is its sequence number; if the key is "
            "revoked meanwhile, an event named `unauthorized`, a `Problem`, ends the stream",
            "content": {sse.MEDIA_TYPE: {}},
        },
        **responses(NotFound),
    },
    dependencies=[hold_while_sending("event_streams")],
)
async def line_events(
    name: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    after: Annotated[int, Query(ge=-(1 << 31), le=1 << 53, description="As of the list of verdicts.")] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Verdicts after `after` or `Last-Event-ID`, then new ones as they occur, without an end."""
    if last_event_id is not None:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16):
            raise InvalidInput(f"Last-Event-ID is {last_event_id[:40]!r}; it must be the sequence number of a verdict.")
        after = int(last_event_id)
    first = await limits.events.run(service.lines.read_parts, name, after, 1)
    position = first.parts[0].sequence - 1 if first.parts else first.total
    client = get_client_id(request.scope)
    return sse.respond(
        _follow(
            lambda number: limits.events.run(service.lines.read_parts, name, number, PARTS_PER_READ),
            position,
            lambda: sse.get_poll_interval(limits.event_streams.count_in_use(client)),
        )
    )


async def _follow(read: Callable[[int], Awaitable[LinePartPage]], after: int, pause: Callable[[], float]) -> AsyncIterator[bytes]:
    """Yield verdicts until the connection is closed or the line is deleted."""
    yield f"retry: {sse.RETRY_MILLISECONDS}\n\n".encode()
    last_sent = time.monotonic()
    while True:
        try:
            page = await read(after)
        except NotFound:
            return
        for part in page.parts:
            yield f"id: {part.sequence}\n".encode() + sse.encode_event("part", part)
            after, last_sent = part.sequence, time.monotonic()
        if time.monotonic() - last_sent >= sse.HEARTBEAT_SECONDS:
            yield b": heartbeat\n\n"
            last_sent = time.monotonic()
        if page.next is None:
            await asyncio.sleep(pause())
