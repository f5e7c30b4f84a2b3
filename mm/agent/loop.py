"""The agent: a language model that calls tools until it can answer, at most N times.

Each call is reported with its result when it is done. A small model does not reliably decide to
call a tool, so the first turn requires a call; the last one allows none.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mm.agent.observations import MomentNumbers, format_result
from mm.agent.results import FoundMoment
from mm.agent.tools import TOOLS
from mm.errors import InvalidInput, NotFound
from mm.generation.chat.types import ChatMessage, ChatModel, ChatRequest, Tool, ToolCall
from mm.generation.request import SamplingParams
from mm.schemas import Model

CallTool = Callable[[str, Mapping[str, object]], Awaitable[Model]]
"""Executes a tool. Raises `InvalidInput` and `NotFound`, which the model reads, and other errors,
which end the agent."""

MAX_TOKENS = 256
SYSTEM = (
    "You answer questions about a library of videos, photos and audio. Call tools to find evidence. "
    "Answer in short sentences from the results only, and cite each moment by its number, as in [1]. "
    "If the results do not hold the answer, say: The library does not show that."
)
CHAT_TOOLS = tuple(Tool(tool.name, tool.description, json.dumps(tool.arguments_schema)) for tool in TOOLS)


@dataclass(frozen=True, slots=True)
class AgentStep:
    """A tool call that is done."""

    tool: str
    arguments: Mapping[str, object]
    text: str
    """The result as the model reads it; the reason if the call failed."""
    is_error: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """The end of the agent: what the model wrote, and the moments that it may cite."""

    text: str
    """Numbers in brackets refer to `moments`, counted from 1. The text is not checked."""
    moments: Sequence[FoundMoment] = ()
    notes: Sequence[str] = ()


@dataclass
class _Turn:
    """One reply of the model."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def run_agent(
    model: ChatModel,
    question: str,
    call_tool: CallTool,
    *,
    max_steps: int,
    history: Sequence[ChatMessage] = (),
    key: str = "",
) -> AsyncGenerator[AgentStep | AgentAnswer, None]:
    """Yield each step, then the answer. `history` has the messages of earlier rounds.

    A call that repeats an earlier one ends the search for evidence: a small model would repeat it
    until the limit. Raises what the model raises, and errors of tools other than `InvalidInput`
    and `NotFound`.
    """
    numbers = MomentNumbers()
    messages = [ChatMessage("system", SYSTEM), *history, ChatMessage("user", question)]
    earlier_calls: set[tuple[str, str]] = set()
    num_steps = 0
    may_call = True
    while True:
        turn = await _generate(model, messages, may_call=may_call, must_call=num_steps == 0, key=key)
        calls = [call for call in turn.calls if (call.name, call.arguments) not in earlier_calls][: max_steps - num_steps]
        if not may_call or not turn.calls:
            yield AgentAnswer(turn.text.strip(), numbers.moments, turn.notes)
            return
        if calls:
            messages.append(ChatMessage("assistant", turn.text, tool_calls=tuple(calls)))
        for call in calls:
            earlier_calls.add((call.name, call.arguments))
            step = await _execute(call, call_tool, numbers)
            num_steps += 1
            messages.append(ChatMessage("tool", step.text, tool_call_id=call.id))
            yield step
        may_call = bool(calls) and num_steps < max_steps


async def _generate(model: ChatModel, messages: Sequence[ChatMessage], *, may_call: bool, must_call: bool, key: str) -> _Turn:
    """Return the reply of the model to the messages."""
    choice = ("required" if must_call else "auto") if may_call else "none"
    request = ChatRequest(
        tuple(messages),
        SamplingParams(max_tokens=MAX_TOKENS, temperature=0.0),
        tools=CHAT_TOOLS,
        tool_choice=choice,
        key=key,
        task="agent",
    )
    turn = _Turn()
    deltas = model.stream_async(request)
    try:
        async for delta in deltas:
            turn.text += delta.text
            turn.calls += delta.tool_calls
            turn.notes += delta.notes
    finally:
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()  # cancels the request if this one was cancelled
    return turn


async def _execute(call: ToolCall, call_tool: CallTool, numbers: MomentNumbers) -> AgentStep:
    started = time.perf_counter()
    arguments: Mapping[str, object] = {}
    try:
        arguments = _parse_arguments(call)
        text, is_error = format_result(await call_tool(call.name, arguments), numbers), False
    except (InvalidInput, NotFound) as error:
        text, is_error = str(error), True
    return AgentStep(call.name, arguments, text, is_error, time.perf_counter() - started)


def _parse_arguments(call: ToolCall) -> dict[str, object]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError as error:
        raise InvalidInput(f"The arguments of {call.name!r:.80} are not JSON: {error}.") from error
    if not isinstance(arguments, dict):
        raise InvalidInput(f"The arguments of {call.name!r:.80} are not an object.")
    return arguments
