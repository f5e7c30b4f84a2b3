"""An answer from what an agent gathered with tools."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.answers.stream import AnswerRun
from mm.agent.loop import gather_evidence
from mm.agent.observations import list_places
from mm.agent.results import Count, ItemDescription, Moments
from mm.agent.toolsets import FULL, make_small_toolset
from mm.answers.ask import EXACT, EXTRACTIVE, MAX_MOMENTS, MAX_QUOTED, list_cited, list_cites
from mm.answers.check import REASON_NOTHING, REASON_UNLIKELY
from mm.answers.describe import describe, describe_attribute
from mm.answers.evidence import Statement
from mm.answers.handles import Handle
from mm.answers.prompt import build_prompt, estimate_tokens
from mm.answers.questions import parse_question
from mm.generation.chat.local import LocalChat
from mm.generation.chat.types import ChatMessage
from mm.schemas import Step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from mm.agent.loop import AgentStep, CallTool
    from mm.answers.ask import Prepared
    from mm.generation.chat.types import ChatModel
    from mm.schemas import AskRequest, SentenceEvent


@dataclass(kw_only=True)
class AgentRun(AnswerRun):
    """One answer whose moments an agent gathers; it is written and checked as any other."""

    agent: ChatModel
    """The model that calls the tools."""
    call_tool: CallTool
    max_steps: int
    request: AskRequest

    async def _write(self) -> AsyncGenerator[SentenceEvent | Step, None]:
        steps: list[AgentStep] = []
        named = await self.limits.disk.run(self.composer.library.find_items, self.request.query)
        is_small = isinstance(self.agent, LocalChat)
        gathered = gather_evidence(
            self.agent,
            self.request.query,
            self.call_tool,
            max_steps=1 if is_small else self.max_steps,
            toolset=make_small_toolset(self.request.query, [name for name, _ in named]) if is_small else FULL,
            history=() if is_small else _list_history(self.request),
            key=self.client,
        )
        async with aclosing(gathered):
            async for step in gathered:
                steps.append(step)
                yield self._record(step)
        self.composer.prepared = await self.limits.disk.run(self._prepare, steps)
        async with aclosing(super()._write()) as sentences:
            async for sentence in sentences:
                yield sentence

    def _record(self, step: AgentStep) -> Step:
        event = Step(tool=step.tool, arguments=step.arguments, result=step.text, error=step.error, seconds=step.seconds)
        self.composer.steps.append(event)
        return event

    def _prepare(self, steps: Sequence[AgentStep]) -> Prepared:
        """Prepare the answer from the results of tools. Reads the moments, and blocks meanwhile.

        A count is the answer; else a model writes it from the moments, or they are quoted.
        """
        prepared, question = self.composer.prepared, self.request.query
        results = [step.result for step in steps if step.result is not None]
        counted = [_state_count(step.result, step) for step in steps if isinstance(step.result, Count)]
        if counted:
            statements = tuple(dict.fromkeys(counted))
            return replace(prepared, statements=statements, author=EXACT, reason=None, prompt=None)
        found = [moment for result in results if isinstance(result, Moments) for moment in result.moments]
        likely = {str(Handle(moment.item, moment.start, moment.end)) for moment in found if moment.band == "likely"}
        described = [result for result in results if isinstance(result, ItemDescription)]
        likely |= {str(Handle(*place)) for result in described for place in list_places(result)}
        handles = dict.fromkeys(str(Handle(*place)) for result in results for place in list_places(result))
        moments = self.composer.library.get_moments(list(handles)[:MAX_MOMENTS])
        quoted = [moment for moment in moments if moment.id in likely][:MAX_QUOTED]
        attribute = parse_question(question).attribute
        described_moments = [describe(m, question) if attribute is None else describe_attribute(m, attribute) for m in quoted]
        statements = tuple(statement for statement in described_moments if statement is not None)
        return replace(
            prepared,
            state=list_cited(prepared.state, list_cites(statements)),
            statements=statements,
            author=EXTRACTIVE,
            reason=None if statements else REASON_UNLIKELY if moments else REASON_NOTHING,
            prompt=build_prompt(moments, question, count_tokens=estimate_tokens) if moments else None,
        )


def _state_count(count: Count, step: AgentStep) -> Statement:
    """State a count, which code has made, in one sentence."""
    query = str(step.arguments.get("query", "")).strip()
    items = f"{count.items:,} {'item' if count.items == 1 else 'items'}"
    if count.moments is None:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in count.by_kind.items())
        return Statement(f"The library has {items} of this kind: {kinds}." if kinds else "The library has no item of this kind.")
    more = "" if count.is_complete else "at least "
    moments = f"{count.moments:,} {'moment' if count.moments == 1 else 'moments'}"
    return Statement(f'There are {more}{moments} in {items} that match "{query}".')


def _list_history(request: AskRequest) -> list[ChatMessage]:
    """The earlier rounds as messages."""
    return [
        message
        for past in request.conversation
        for message in (ChatMessage("user", past.query), ChatMessage("assistant", past.answer))
    ]
