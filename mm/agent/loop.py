"""The agent: a language model that calls tools to gather the evidence for a question.

Each call is reported with its result. The answer is written afterwards, from what was found, by the
same code and with the same checks as an answer without an agent (`mm.answers`).
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from mm.agent.observations import format_result
from mm.agent.toolsets import FULL, Toolset
from mm.errors import InvalidInput, NotFound
from mm.generation.chat.types import ChatMessage, ChatModel, ChatRequest, ToolCall
from mm.generation.request import SamplingParams
from mm.schemas import Model

CallTool = Callable[[str, Mapping[str, object]], Awaitable[Model]]
"""Executes a tool. Raises `InvalidInput` and `NotFound`, which the model reads, and other errors,
which end the agent."""

MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class AgentStep:
    """A tool call that is done."""

    tool: str
    arguments: Mapping[str, object]
    text: str
    """The result as the model reads it."""
    seconds: float
    result: Model | None = None
    """None if the call failed."""
    error: str | None = None
    """Why it failed."""


async def gather_evidence(
    model: ChatModel,
    question: str,
    call_tool: CallTool,
    *,
    max_steps: int,
    toolset: Toolset = FULL,
    history: Sequence[ChatMessage] = (),
    key: str = "",
) -> AsyncGenerator[AgentStep, None]:
    """Yield at most `max_steps` steps.

    The model calls a tool at first, and ends by a reply without a call. A repeated call is not
    executed and is the last too. `history` has the messages of earlier rounds. Raises what the
    model raises, and errors of tools other than `InvalidInput` and `NotFound`.
    """
    messages = [ChatMessage("system", toolset.system), *toolset.examples, *history, ChatMessage("user", question)]
    earlier_calls: set[tuple[str, str]] = set()
    num_steps = 0
    while num_steps < max_steps:
        text, calls = await _generate(model, messages, toolset, is_required=num_steps == 0, key=key)
        new_calls: list[ToolCall] = []
        for call in calls:
            if (call.name, call.arguments) not in earlier_calls and num_steps + len(new_calls) < max_steps:
                earlier_calls.add((call.name, call.arguments))
                new_calls.append(call)
        if not new_calls:
            return
        messages.append(ChatMessage("assistant", text, tool_calls=tuple(new_calls)))
        for call in new_calls:
            step = await _execute(call, call_tool)
            num_steps += 1
            messages.append(ChatMessage("tool", step.text, tool_call_id=call.id))
            yield step


async def _generate(
    model: ChatModel, messages: Sequence[ChatMessage], toolset: Toolset, *, is_required: bool, key: str
) -> tuple[str, list[ToolCall]]:
    """Return the reply of the model: its text and its calls."""
    request = ChatRequest(
        tuple(messages),
        SamplingParams(max_tokens=MAX_TOKENS, temperature=0.0),
        tools=toolset.tools,
        tool_choice="required" if is_required else "auto",
        key=key,
        task="agent",
    )
    text, calls = "", list[ToolCall]()
    deltas = model.stream_async(request)
    try:
        async for delta in deltas:
            text += delta.text
            calls += delta.tool_calls
    finally:
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()  # cancels the request if this one was cancelled
    return text, calls


async def _execute(call: ToolCall, call_tool: CallTool) -> AgentStep:
    started = time.perf_counter()
    arguments: Mapping[str, object] = {}
    result, error = None, None
    try:
        arguments = _parse_arguments(call)
        result = await call_tool(call.name, arguments)
    except (InvalidInput, NotFound) as raised:
        error = str(raised)
    text = error or "" if result is None else format_result(result)
    return AgentStep(call.name, arguments, text, time.perf_counter() - started, result, error)


def _parse_arguments(call: ToolCall) -> dict[str, object]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError as error:
        raise InvalidInput(f"The arguments of {call.name!r:.80} are not JSON: {error}.") from error
    if not isinstance(arguments, dict):
        raise InvalidInput(f"The arguments of {call.name!r:.80} are not an object.")
    return arguments
