"""An answer that is being written: whole, or as server-sent events."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from api.http.problems import TYPE_BASE
from api.http.sse import encode_event
from mm.answers.generate import build_request, make_writer
from mm.errors import MMError, Unavailable
from mm.generation.chat.local import LocalChat
from mm.models.language.checkpoint.file import SHIPPED
from mm.models.language.smollm2 import BUILTIN
from mm.private import hide_home
from mm.schemas import HeardEvent, HitsEvent, Problem, Step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from api.answers.respond import AnswerComposer
    from api.limits.resources import Limits
    from api.service import Service
    from mm.answers.check import AnswerWriter
    from mm.answers.evidence import Statement
    from mm.answers.prompt import Prompt
    from mm.generation.chat.types import ChatModel
    from mm.schemas import Answer, SentenceEvent

NO_MODEL = "The answer is without a language model. {}"


@dataclass
class AnswerRun:
    """One answer: retrieved and prepared, and written by a model where one is served."""

    composer: AnswerComposer
    limits: Limits
    model: ChatModel | None
    """None for an answer without a model."""
    max_tokens: int
    client: str
    home: Path
    """Left out of the messages of errors."""
    _author: str = ""
    _reason: str | None = None
    _notes: tuple[str, ...] = ()

    async def compose(self) -> Answer:
        """Write the answer to its end."""
        async for _ in self._write():
            pass
        return self._finish()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the events: `heard` for a spoken question, `state`, `hits`, each `step` of an
        agent, each `sentence`, and `done` or `error`."""
        if self.composer.heard is not None:
            yield encode_event("heard", HeardEvent(text=self.composer.heard))
        yield encode_event("state", self.composer.state)
        yield encode_event("hits", HitsEvent(hits=self.composer.library.hits))
        try:
            async for event in self._write():
                yield encode_event("step" if isinstance(event, Step) else "sentence", event)
        except MMError as error:
            structlog.get_logger().error("answer failed", slug=error.slug, detail=str(error))
            yield encode_event("error", describe_error(error, self.home))
            return
        yield encode_event("done", self._finish())

    async def _write(self) -> AsyncGenerator[SentenceEvent | Step, None]:
        prepared = self.composer.prepared
        statements: Sequence[Statement] = prepared.statements
        self._author, self._reason = prepared.author, prepared.reason
        # The built-in model is small: it writes only where code and quotations have no answer, and
        # not where there is no moment that it may cite.
        is_builtin = isinstance(self.model, LocalChat) and self.model.name == BUILTIN
        is_written = not is_builtin or (not prepared.statements and bool(prepared.relevant))
        if self.model is not None and prepared.prompt is not None and is_written:
            writer = make_writer(self.model, prepared, prepared.prompt)
            try:
                async with aclosing(self._generate(self.model, prepared.prompt, writer)) as generated:
                    async for passed in generated:
                        for statement in passed:
                            yield await self._add(statement)
            except Unavailable as error:
                if writer.statements:
                    raise
                self._notes = (*self._notes, NO_MODEL.format(error))
            else:
                statements = writer.finish()
                self._author, self._reason = self.model.name, writer.reason
                self._notes = (*self._notes, *writer.notes)
        for statement in statements:
            yield await self._add(statement)

    async def _generate(self, model: ChatModel, prompt: Prompt, writer: AnswerWriter) -> AsyncGenerator[list[Statement], None]:
        """Yield the sentences that each piece of text completes. Closing it cancels the model."""
        request = build_request(model, prompt, self.max_tokens, self.client)
        async with aclosing(model.stream_async(request)) as deltas:
            async for delta in deltas:
                self._notes += delta.notes
                yield writer.feed(delta.text)

    async def _add(self, statement: Statement) -> SentenceEvent:
        return await self.limits.disk.run(self.composer.add, statement)

    def _finish(self) -> Answer:
        return self.composer.finish(self._author, self._reason, self._notes)


def select_model(service: Service) -> ChatModel | None:
    """The model that writes answers: one of the settings, or the built-in one once it is trained.

    Without its trained weights the built-in model cites and refuses at random: quotations are
    better, so that it writes no answers.
    """
    models, settings = service.chat_models, service.settings
    if not models.is_enabled:
        return None
    is_builtin = settings.language in ("auto", "builtin") and not (settings.language == "auto" and settings.language_url)
    return None if is_builtin and not SHIPPED.is_file() else models.default


def describe_error(error: MMError, home: Path) -> Problem:
    """The problem document of an error that occurs after the response has begun."""
    detail = hide_home(str(error), home)
    return Problem(type=TYPE_BASE + error.slug, title=error.title, status=error.status, detail=detail)
