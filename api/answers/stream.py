"""An answer that is being written: whole, or as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.http.problems import TYPE_BASE
from mm.errors import MMError
from mm.schemas import HitsEvent, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from api.answers.respond import AnswerComposer
    from api.limits.resources import Limits
    from mm.schemas import Answer, SentenceEvent


async def compose_answer(composer: AnswerComposer, limits: Limits) -> Answer:
    """Write an answer to its end."""
    async for _ in _write(composer, limits):
        pass
    return _finish(composer)


async def stream_answer(composer: AnswerComposer, limits: Limits) -> AsyncIterator[bytes]:
    """Yield the events of an answer: `state`, `hits`, each `sentence`, and `done` or `error`."""
    yield encode_event("state", composer.state)
    yield encode_event("hits", HitsEvent(hits=composer.library.hits))
    try:
        async for sentence in _write(composer, limits):
            yield encode_event("sentence", sentence)
    except MMError as error:
        yield encode_event("error", describe_error(error))
        return
    yield encode_event("done", _finish(composer))


def encode_event(name: str, data: BaseModel) -> bytes:
    """Encode an event. JSON has no raw line break, so it fits in one `data` line."""
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()


def describe_error(error: MMError) -> Problem:
    """The problem document of an error that occurs after the response has begun."""
    return Problem(type=TYPE_BASE + error.slug, title=error.title, status=error.status, detail=str(error))


async def _write(composer: AnswerComposer, limits: Limits) -> AsyncIterator[SentenceEvent]:
    for statement in composer.prepared.statements:
        yield await limits.disk.run(composer.add, statement)


def _finish(composer: AnswerComposer) -> Answer:
    return composer.finish(composer.prepared.author, composer.prepared.reason)
