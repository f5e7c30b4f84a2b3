"""Search."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from api.export.files import MEDIA_TYPES, SHEET_HEADERS, write_hits
from api.http.forms import is_form
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep
from api.openapi.operations import HIT_LINKS, responses, search_body
from api.request_context import get_client_id
from api.search.decode import DecodedFiles, decode_files
from api.search.execute import run_search, validate
from api.search.request import read_search_input
from api.service import Service, ServiceDep
from mm.errors import Corrupt, MediaError, MissingData, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import HitExportFormat, SearchResponse

if TYPE_CHECKING:
    from api.limits.resources import Limits
    from api.search.request import SearchInput

router = APIRouter(prefix="/v1/search", tags=["search"])


@router.post(
    "",
    summary="Search with a text, an image, audio, a clip, a position in the library, or several of them",
    responses={200: HIT_LINKS, **responses(NotFound, MissingData, UnsupportedMedia, MediaError, TooLarge, Corrupt, Unavailable)},
    openapi_extra=search_body(
        words={"text": "a dog jumps over a fence", "k": 5},
        like={"like": {"item": "88431cd9653ccd539741b555fb0a46b6", "time": 12.5}},
        filtered={"text": "the opening of the meeting", "filters": {"kinds": ["video"], "tags": ["work"]}, "floor": 0.5},
        composed={"text": "a dog", "also": ["snow"], "without": ["a car", "a street"], "weights": {"without": 2}},
    ),
)
async def search(request: Request, service: ServiceDep, limits: LimitsDep) -> SearchResponse:
    """Hits, best first; none if nothing matches. `notes` lists what could not be taken into
    account."""
    async with AsyncExitStack() as slots:
        if is_form(request):
            await slots.enter_async_context(limits.query_uploads.hold(get_client_id(request.scope)))
        scratch = slots.enter_context(TemporaryDirectory(dir=service.scratch))
        query = await read_search_input(request, limits.disk, Path(scratch), service.settings)
        validate(query, service.settings)
        return await cancel_on_disconnect(request, _run(request, service, limits, query))


@router.post(
    "/export",
    summary="Export the hits of a search",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in ("text/csv", "application/json", "text/html")}},
        **responses(NotFound, MissingData, UnsupportedMedia, MediaError, TooLarge, Corrupt, Unavailable),
    },
    openapi_extra=search_body(words={"text": "a dog jumps over a fence", "k": 100}),
)
async def export_search(
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    export_format: Annotated[
        HitExportFormat, Query(alias="format", description="`html` is a contact sheet of up to 200 hits with their images.")
    ] = "csv",
) -> Response:
    """The same query as of a search, and its hits as a file. The images of a contact sheet are in
    the file, which loads nothing."""
    response = await search(request, service, limits)
    writing = limits.exports.run_cancellable(get_client_id(request.scope), partial(write_hits, service, response, export_format))
    data = await cancel_on_disconnect(request, writing)
    headers = {"Content-Disposition": f'attachment; filename="hits.{export_format}"', **SHEET_HEADERS}
    return Response(data, media_type=MEDIA_TYPES[export_format], headers=headers)


async def _run(request: Request, service: Service, limits: Limits, query: SearchInput) -> SearchResponse:
    client, arrived = get_client_id(request.scope), time.perf_counter()
    await service.towers.wait_async()
    files = DecodedFiles()
    if query.files:
        files = await limits.query_files.run_cancellable(client, partial(decode_files, service, query))
    return await limits.searches.run(client, _search, service, query, files, arrived)


def _search(service: Service, query: SearchInput, files: DecodedFiles, arrived: float) -> SearchResponse:
    service.library.require_items(query.request.filters.items)
    return run_search(service, query, files, arrived)
