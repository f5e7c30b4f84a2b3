"""Questions to the library, answered in sentences that cite moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from api.answers.respond import prepare_answer, validate_question
from api.answers.stream import AnswerRun, select_model
from api.http.bodies import read_json
from api.http.sse import MEDIA_TYPE
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_sending
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from mm.errors import Corrupt, GenerationFailed, GenerationInterrupted, MissingData, TooLarge, TooMany, Unavailable
from mm.schemas import Answer, AskRequest

if TYPE_CHECKING:
    from api.limits.resources import Limits

router = APIRouter(prefix="/v1", tags=["answers"])

ASK_BYTES = 1 << 20
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post(
    "/ask",
    summary="Ask the library a question",
    response_model=Answer,
    responses={
        200: {
            "description": "The answer; with `stream`, server-sent events `state` (`SearchState`), `hits` (`HitsEvent`), "
            "`sentence` (`SentenceEvent`) and at the end `done` (`Answer`) or `error` (`Problem`)",
            "content": {MEDIA_TYPE: {}},
        },
        **responses(TooLarge, MissingData, TooMany, Corrupt, GenerationFailed, Unavailable, GenerationInterrupted),
    },
    dependencies=[hold_while_sending("chats")],
    openapi_extra=json_body(
        AskRequest,
        question={"query": "When does a dog jump over a fence?"},
        filtered={"query": "how many videos show a dog", "filters": {"kinds": ["video"]}, "stream": True},
    ),
)
async def ask(request: Request, service: ServiceDep, limits: LimitsDep) -> Response | Answer:
    """Sentences that cite moments by number, or a refusal. Send `state`, `text` and the question
    back as a round of `conversation` to ask a follow-up question."""
    body = await read_json(request, AskRequest, ASK_BYTES)
    validate_question(body, service.settings)
    if not body.stream:
        return await cancel_on_disconnect(request, _answer(request, service, limits, body))
    run = await cancel_on_disconnect(request, _prepare(request, service, limits, body))
    return StreamingResponse(run.stream(), media_type=MEDIA_TYPE, headers=STREAM_HEADERS)


async def _answer(request: Request, service: Service, limits: Limits, body: AskRequest) -> Answer:
    run = await _prepare(request, service, limits, body)
    return await run.compose()


async def _prepare(request: Request, service: Service, limits: Limits, body: AskRequest) -> AnswerRun:
    client = get_client_id(request.scope)
    await service.towers.wait_async()
    composer = await limits.searches.run(client, prepare_answer, service, body)
    return AnswerRun(composer, limits, select_model(service), body.max_tokens, client)
