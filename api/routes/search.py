"""Questions and their answers."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from api.http.forms import is_form
from api.http.openapi import HIT_LINKS, responses, search_body
from api.limits.disconnects import until_disconnect
from api.limits.resources import LimitsDep
from api.request_context import get_client_id
from api.search.answer import Decoded, answer, check, decode
from api.search.request import read_search_input
from api.service import Service, ServiceDep
from mm.errors import Corrupt, MediaError, MissingData, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import SearchResponse

if TYPE_CHECKING:
    from api.limits.resources import Limits
    from api.search.request import SearchInput

router = APIRouter(prefix="/v1/search", tags=["search"])


@router.post(
    "",
    summary="Ask in words, with a picture, a sound, a clip, a moment of the library, or several at once",
    responses={200: HIT_LINKS, **responses(NotFound, MissingData, UnsupportedMedia, MediaError, TooLarge, Corrupt, Unavailable)},
    openapi_extra=search_body(
        words={"text": "a dog jumps over a fence", "k": 5},
        like={"like": {"item": "88431cd9653ccd539741b555fb0a46b6", "time": 12.5}},
        filtered={"text": "the opening of the meeting", "filters": {"kinds": ["video"], "tags": ["work"]}, "floor": 0.5},
        composed={"text": "a dog", "also": ["snow"], "without": ["a car", "a street"], "weights": {"without": 2}},
    ),
)
async def search(request: Request, service: ServiceDep, limits: LimitsDep) -> SearchResponse:
    """The moments that answer, best first; no hits means that nothing matches. `notes` says what
    could not be considered."""
    async with AsyncExitStack() as places:
        if is_form(request):
            await places.enter_async_context(limits.query_uploads.hold(get_client_id(request.scope)))
        scratch = places.enter_context(TemporaryDirectory(dir=service.scratch))
        query = await read_search_input(request, limits.disk, Path(scratch), service.settings)
        check(query, service.settings)
        return await until_disconnect(request, _answer(request, service, limits, query))


async def _answer(request: Request, service: Service, limits: Limits, query: SearchInput) -> SearchResponse:
    caller, asked = get_client_id(request.scope), time.perf_counter()
    await service.towers.loaded()
    media = Decoded()
    if query.files:
        media = await limits.query_files.run_cancellable(caller, partial(decode, service, query))
    return await limits.searches.run(caller, answer, service, query, media, asked)
