"""Deltas of a chat model as completions and chunks in OpenAI's format."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from api.http.problems import build_openai_error
from mm.private import hide_home
from mm.schemas import (
    ChatChoice,
    ChatChunkChoice,
    ChatChunkDelta,
    ChatCompletion,
    ChatCompletionChunk,
    ChatLogprobAlternative,
    ChatLogprobs,
    ChatOutput,
    ChatTokenLogprob,
    ChatToolCall,
    ChatUsage,
    FunctionCall,
    PromptTokensDetails,
    ToolCallDelta,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.errors import MMError
    from mm.generation.chat.types import ChatDelta, ChatLogprob, ToolCall, Usage

DONE = b"data: [DONE]\n\n"


class CompletionWriter:
    """Builds the response of one request: `write_chunk` for each delta, or `build` for all."""

    def __init__(self, model: str, notes: Sequence[str] = (), *, has_usage: bool = False) -> None:
        """`has_usage`: a streamed response ends with a chunk of the usage."""
        self._id, self._created, self._model = f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model
        self._notes = list(notes)
        self._has_usage = has_usage

    def build(self, deltas: Sequence[ChatDelta]) -> ChatCompletion:
        """The completion of all deltas."""
        last = deltas[-1]
        text = "".join(delta.text for delta in deltas)
        calls = [_build_call(call) for delta in deltas for call in delta.tool_calls]
        logprobs = [token for delta in deltas for token in delta.logprobs]
        message = ChatOutput(content=text if text or not calls else None, tool_calls=calls or None)
        choice = ChatChoice(message=message, logprobs=_build_logprobs(logprobs), finish_reason=last.finish_reason or "stop")
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=[choice],
            usage=None if last.usage is None else _build_usage(last.usage),
            notes=[*self._notes, *last.notes],
        )

    def write_start(self) -> bytes:
        """The first event, which has the role."""
        return self._encode([ChatChunkChoice(delta=ChatChunkDelta(role="assistant", content=""))])

    def write_chunk(self, delta: ChatDelta) -> bytes:
        """The events of a delta; those of the last one end the stream."""
        calls = [
            ToolCallDelta(index=index, id=call.id, function=FunctionCall(name=call.name, arguments=call.arguments))
            for index, call in enumerate(delta.tool_calls)
        ]
        data = b""
        if delta.text or calls or delta.logprobs:
            changed = ChatChunkDelta(content=delta.text or None, tool_calls=calls or None)
            data = self._encode([ChatChunkChoice(delta=changed, logprobs=_build_logprobs(delta.logprobs))])
        if delta.finish_reason is None:
            return data
        end = ChatChunkChoice(delta=ChatChunkDelta(), finish_reason=delta.finish_reason)
        data += self._encode([end], notes=[*self._notes, *delta.notes])
        if self._has_usage and delta.usage is not None:
            data += self._encode([], usage=_build_usage(delta.usage))
        return data + DONE

    def write_error(self, error: MMError, home: Path) -> bytes:
        """The event that ends a stream after an error; `home` is left out of its message."""
        document = {"error": build_openai_error(error.slug, error.status, hide_home(str(error), home))}
        return f"data: {json.dumps(document)}\n\n".encode() + DONE

    def _encode(self, choices: list[ChatChunkChoice], usage: ChatUsage | None = None, notes: Sequence[str] = ()) -> bytes:
        chunk = ChatCompletionChunk(
            id=self._id, created=self._created, model=self._model, choices=choices, usage=usage, notes=list(notes)
        )
        return f"data: {chunk.model_dump_json(exclude_none=True)}\n\n".encode()


def _build_call(call: ToolCall) -> ChatToolCall:
    return ChatToolCall(id=call.id, function=FunctionCall(name=call.name, arguments=call.arguments))


def _build_usage(usage: Usage) -> ChatUsage:
    return ChatUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_tokens),
    )


def _build_logprobs(tokens: Sequence[ChatLogprob]) -> ChatLogprobs | None:
    if not tokens:
        return None
    content = [
        ChatTokenLogprob(
            token=token.token,
            bytes=list(token.data),
            logprob=token.logprob,
            top_logprobs=[
                ChatLogprobAlternative(token=other.token, bytes=list(other.data), logprob=other.logprob) for other in token.top
            ],
        )
        for token in tokens
    ]
    return ChatLogprobs(content=content)
