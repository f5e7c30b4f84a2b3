"""Chat completions, in the format of OpenAI's API."""

from __future__ import annotations

import threading
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.chat.conversation import build_chat_request, check_request, has_media
from api.chat.responses import CompletionWriter
from api.http import sse
from api.http.bodies import read_json
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_sending
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from mm.errors import (
    Conflict,
    GenerationFailed,
    GenerationInterrupted,
    MediaError,
    MMError,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mm.schemas import ChatCompletion, ChatCompletionRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from api.limits.resources import Limits
    from mm.generation.chat.types import ChatDelta, ChatModel, ChatRequest

router = APIRouter(prefix="/v1/chat", tags=["chat"])

ERRORS = responses(
    NotFound,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    MediaError,
    TooMany,
    GenerationFailed,
    Unavailable,
    GenerationInterrupted,
)


@router.post(
    "/completions",
    summary="Continue a conversation",
    response_model=ChatCompletion,
    responses={
        200: {
            "description": "The completion; with `stream`, server-sent events, each a `ChatCompletionChunk`, and `[DONE]`",
            "content": {sse.MEDIA_TYPE: {}},
        },
        **ERRORS,
    },
    dependencies=[hold_while_sending("chats")],
    openapi_extra=json_body(
        ChatCompletionRequest,
        text={"messages": [{"role": "user", "content": "Name three uses of a video archive."}]},
        media={
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "media", "media_id": "88431cd9653ccd539741b555fb0a46b6", "start": 10, "end": 30},
                        {"type": "text", "text": "What happens here?"},
                    ],
                }
            ],
            "stream": True,
        },
    ),
)
async def create_chat_completion(request: Request, service: ServiceDep, limits: LimitsDep) -> Response:
    """`notes` lists what was not done as requested.

    An error after the first event of a stream is an event with `error`. Errors are problem
    documents that have the member `error` of OpenAI's format as well.
    """
    body = await read_json(request, ChatCompletionRequest, service.settings.query_bytes, "query_bytes")
    check_request(body, service.settings)
    model = service.chat_models.get(body.model)
    chat, notes = await cancel_on_disconnect(request, _build(request, service, limits, model, body))
    has_usage = body.stream_options is not None and body.stream_options.include_usage
    deltas = model.stream_async(chat)
    if not body.stream:
        collected = await cancel_on_disconnect(request, _collect(deltas))
        completion = CompletionWriter(model.name, notes).build(collected)
        return JSONResponse(completion.model_dump(mode="json"))
    # Errors up to the first delta have a status of their own.
    first = await cancel_on_disconnect(request, _read_first(deltas))
    events = _stream(first, deltas, CompletionWriter(model.name, notes, has_usage=has_usage), service.settings.root)
    return sse.respond(events)


async def _build(
    request: Request, service: Service, limits: Limits, model: ChatModel, body: ChatCompletionRequest
) -> tuple[ChatRequest, tuple[str, ...]]:
    client = get_client_id(request.scope)
    build = partial(build_chat_request, service, model, body, client)
    if not has_media(body):
        return build(threading.Event())
    await service.towers.wait_async()
    return await limits.query_files.run_cancellable(client, build)


async def _collect(deltas: AsyncGenerator[ChatDelta, None]) -> list[ChatDelta]:
    async with aclosing(deltas):
        return [delta async for delta in deltas]


async def _read_first(deltas: AsyncGenerator[ChatDelta, None]) -> ChatDelta:
    try:
        return await anext(deltas)
    except BaseException:
        await deltas.aclose()
        raise


async def _stream(
    first: ChatDelta, deltas: AsyncGenerator[ChatDelta, None], writer: CompletionWriter, home: Path
) -> AsyncGenerator[bytes, None]:
    """The events of a response. A client that disconnects cancels the generation."""
    async with aclosing(deltas):
        yield writer.write_start() + writer.write_chunk(first)
        try:
            async for delta in deltas:
                yield writer.write_chunk(delta)
        except MMError as error:
            structlog.get_logger().error("generation failed", slug=error.slug, detail=str(error))
            yield writer.write_error(error, home)
