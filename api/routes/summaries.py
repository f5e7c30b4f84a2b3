"""Summaries of items: chapters, and a paragraph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from api.answers.summarize import prepare_summary
from api.http import sse
from api.http.bodies import read_json
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_sending
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, NotFound, TooLarge, TooMany, Unavailable
from mm.schemas import Summary, SummaryRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

router = APIRouter(prefix="/v1/summaries", tags=["answers"])

REQUEST_BYTES = 4096


@router.post(
    "",
    summary="Summarize an item",
    response_model=Summary,
    responses={
        200: {
            "description": "The summary; with `stream`, server-sent events `chapter` (`Chapter`) and `done` (`Summary`)",
            "content": {sse.MEDIA_TYPE: {}},
        },
        **responses(NotFound, Conflict, TooLarge, TooMany, Unavailable),
    },
    dependencies=[hold_while_sending("event_streams")],
    openapi_extra=json_body(SummaryRequest, item={"item_id": "88431cd9653ccd539741b555fb0a46b6"}),
)
async def summarize(request: Request, service: ServiceDep, limits: LimitsDep) -> Response | Summary:
    """Chapters follow the scenes of the item, each with a sentence from its caption, speech, text
    or sound."""
    body = await read_json(request, SummaryRequest, REQUEST_BYTES)
    client = get_client_id(request.scope)
    summary = await cancel_on_disconnect(request, limits.catalog.run(client, prepare_summary, service, body.item_id))
    if not body.stream:
        return summary
    return sse.respond(_stream(summary))


async def _stream(summary: Summary) -> AsyncGenerator[bytes, None]:
    for chapter in summary.chapters:
        yield sse.encode_event("chapter", chapter)
    yield sse.encode_event("done", summary)
