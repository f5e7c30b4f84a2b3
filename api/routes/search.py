"""Questions and their answers."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from fastapi import APIRouter, Request

from api.answers import answer, check
from api.doors import DoorsDep
from api.openapi import HIT_LINKS, responses, search_body
from api.questions import read_query
from api.service import ServiceDep
from mm.errors import MediaError, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import SearchResponse

router = APIRouter(prefix="/v1/search", tags=["search"])


@router.post(
    "",
    summary="Ask in words, with a picture, a sound, a clip, a moment of the library, or several at once",
    responses={200: HIT_LINKS, **responses(NotFound, UnsupportedMedia, MediaError, TooLarge, Unavailable)},
    openapi_extra=search_body(
        words={"text": "a dog jumps over a fence", "k": 5},
        like={"like": {"item": "88431cd9653ccd539741b555fb0a46b6", "time": 12.5}},
        filtered={"text": "the opening of the meeting", "filters": {"kinds": ["video"], "tags": ["work"]}, "floor": 0.5},
        composed={"text": "a dog", "also": ["snow"], "without": ["a car", "a street"], "weights": {"without": 2}},
    ),
)
async def search(request: Request, service: ServiceDep, doors: DoorsDep) -> SearchResponse:
    """The moments that answer, best first; no hits means that nothing matches. `notes` says what could not be considered."""
    with doors.searches.enter(), TemporaryDirectory(dir=service.scratch) as scratch:
        query = await read_query(request, Path(scratch), service.settings)
        check(query, service.settings)
        await anyio.to_thread.run_sync(service.towers.wait, abandon_on_cancel=True)
        return await anyio.to_thread.run_sync(answer, service, query, time.perf_counter(), limiter=service.encoders)
