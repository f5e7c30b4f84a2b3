"""Questions to the library, answered in sentences that cite moments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from api.answers.agent import AgentRun
from api.answers.request import read_question
from api.answers.respond import prepare_answer, validate_question
from api.answers.stream import AnswerRun, select_model
from api.http import sse
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_sending
from api.openapi.operations import ask_body, responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from api.tools.library_tools import call_tool
from mm.errors import (
    Corrupt,
    GenerationFailed,
    GenerationInterrupted,
    MediaError,
    MissingData,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mm.schemas import Answer, AskRequest

if TYPE_CHECKING:
    from api.limits.resources import Limits

router = APIRouter(prefix="/v1", tags=["answers"])


@router.post(
    "/ask",
    summary="Ask the library a question",
    response_model=Answer,
    responses={
        200: {
            "description": "The answer; with `stream`, server-sent events: `heard` (`HeardEvent`) of a spoken question, "
            "`state` (`SearchState`), `hits` (`HitsEvent`), each `step` (`Step`) of an agent, each `sentence` (`SentenceEvent`), "
            "and at the end `done` (`Answer`) or `error` (`Problem`)",
            "content": {sse.MEDIA_TYPE: {}},
        },
        **responses(
            NotFound,
            TooLarge,
            UnsupportedMedia,
            MediaError,
            MissingData,
            TooMany,
            Corrupt,
            GenerationFailed,
            Unavailable,
            GenerationInterrupted,
        ),
    },
    dependencies=[hold_while_sending("chats")],
    openapi_extra=ask_body(
        AskRequest,
        question={"query": "When does a dog jump over a fence?"},
        filtered={"query": "how many videos show a dog", "filters": {"kinds": ["video"]}, "stream": True},
    ),
)
async def ask(request: Request, service: ServiceDep, limits: LimitsDep) -> Response | Answer:
    """Sentences that cite moments by number, or a refusal. Send `state`, `text` and the question
    back as a round of `conversation` to ask a follow-up question."""
    body, heard = await read_question(request, service, limits)
    validate_question(body, service.settings)
    if not body.stream:
        return await cancel_on_disconnect(request, _answer(request, service, limits, body, heard))
    run = await cancel_on_disconnect(request, _prepare(request, service, limits, body, heard))
    return sse.respond(run.stream())


async def _answer(request: Request, service: Service, limits: Limits, body: AskRequest, heard: str | None) -> Answer:
    run = await _prepare(request, service, limits, body, heard)
    return await run.compose()


async def _prepare(request: Request, service: Service, limits: Limits, body: AskRequest, heard: str | None) -> AnswerRun:
    client = get_client_id(request.scope)
    await service.towers.wait_async()
    composer = await limits.searches.run(client, prepare_answer, service, body)
    composer.heard = heard
    writer = select_model(service)
    if not body.agent:
        return AnswerRun(composer, limits, writer, body.max_tokens, client, service.settings.root)
    return AgentRun(
        composer,
        limits,
        writer,
        body.max_tokens,
        client,
        service.settings.root,
        agent=service.chat_models.default,
        call_tool=partial(call_tool, service, limits, client),
        max_steps=service.settings.agent_steps,
        request=body,
    )
