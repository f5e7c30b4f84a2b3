"""The server-sent events of a streamed answer as deltas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mm.errors import GenerationInterrupted
from mm.generation.chat.types import ChatDelta, ChatLogprob, ToolCall, Usage
from mm.generation.upstream.failures import find_message

if TYPE_CHECKING:
    from mm.generation.chat.types import FinishReason

JSON = dict[str, object]

MAX_LINE_CHARS = 16 << 20
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "stop",
    "abort": "abort",
}
FILTERED = "The language server withheld a part of the answer (content_filter)."
_BEGIN, _END = "<think>", "</think>"


@dataclass(slots=True)
class _PartialCall:
    id: str = ""
    name: str = ""
    arguments: str = ""


class AnswerReader:
    """Reads the lines of one response. Raises `GenerationInterrupted` for an error in the stream.

    Reasoning is left out: as `reasoning_content`, and as `<think>...</think>` before the text.
    """

    def __init__(self, server: str, *, is_choice: bool = False, notes: tuple[str, ...] = ()) -> None:
        """`is_choice`: the answer is a JSON string, which is decoded."""
        self._server = server
        self._is_choice = is_choice
        self._notes = notes
        self._calls: dict[int, _PartialCall] = {}
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._thinking = _ThinkingFilter()
        self._choice_text = ""
        self.is_done = False
        """The server ended the stream."""

    def push_line(self, line: str) -> ChatDelta | None:
        """The delta of a line, if it has one."""
        if len(line) > MAX_LINE_CHARS:
            raise self._interrupt(f"a line of the stream has more than {MAX_LINE_CHARS:,} characters")
        name, _, value = line.partition(":")
        value = value.strip()
        if name == "error":  # llama.cpp
            raise self._interrupt(find_message(_parse(value) or value))
        if name != "data" or not value:
            return None
        if value == "[DONE]":
            self.is_done = True
            return None
        if (event := _parse(value)) is None:
            raise self._interrupt("an event of the stream is not a JSON object")
        if event.get("error") or event.get("object") == "error":
            raise self._interrupt(find_message(event))
        try:
            return self._read_event(event)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:  # a value of another type
            raise self._interrupt(f"an event of the stream is malformed ({error})") from error

    def finish(self) -> ChatDelta:
        """The last delta. Raises `GenerationInterrupted` when the stream ended before it."""
        if self._reason is None:
            raise self._interrupt("the stream ended before the answer was complete")
        calls = tuple(ToolCall(call.id or f"call_{i}", call.name, call.arguments or "{}") for i, call in self._calls.items())
        notes = (*self._notes, FILTERED) if self._reason == "content_filter" else self._notes
        text = self._thinking.finish()
        if self._is_choice:
            text = _decode_string(self._choice_text + text)
        return ChatDelta(text, "tool_calls" if calls else _REASONS.get(self._reason, "stop"), calls, (), self._usage, notes)

    def _read_event(self, event: JSON) -> ChatDelta | None:
        if isinstance(usage := event.get("usage"), dict):
            self._usage = _read_usage(usage)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self._reason = reason
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        for call in delta.get("tool_calls") or ():
            self._read_call(call)
        text = self._thinking.push(str(delta.get("content") or ""))
        logprobs = _read_logprobs(choice.get("logprobs"))
        if self._is_choice:
            self._choice_text += text
            text = ""
        return ChatDelta(text, logprobs=logprobs) if text or logprobs else None

    def _read_call(self, call: JSON) -> None:
        index = call.get("index")
        partial = self._calls.setdefault(index if isinstance(index, int) else len(self._calls), _PartialCall())
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        partial.id = partial.id or str(call.get("id") or "")
        partial.name += str(function.get("name") or "")
        arguments = function.get("arguments") or ""
        partial.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)

    def _interrupt(self, reason: str) -> GenerationInterrupted:
        return GenerationInterrupted(
            f"The language server {self._server} interrupted the answer: {reason}. Send the request again."
        )


class _ThinkingFilter:
    """Removes `<think>...</think>` and the space after it from the begin of a text."""

    def __init__(self) -> None:
        self._held = ""
        self._is_open = True

    def push(self, text: str) -> str:
        if not self._is_open:
            return text
        self._held += text
        start = self._held.lstrip()
        if _BEGIN.startswith(start[: len(_BEGIN)]) and _END not in start:
            return ""
        self._is_open, text = False, self._held
        return start.partition(_END)[2].lstrip() if start.startswith(_BEGIN) else text

    def finish(self) -> str:
        """The held text; reasoning that was cut off is left out."""
        held, self._held = (self._held, "") if self._is_open else ("", "")
        return "" if held.lstrip().startswith(_BEGIN) else held


def _parse(text: str) -> JSON | None:
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return cast("JSON", event) if isinstance(event, dict) else None


def _read_usage(usage: JSON) -> Usage:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(*(number if isinstance(number, int) else 0 for number in (prompt, completion, cached)))


def _read_logprobs(logprobs: object) -> tuple[ChatLogprob, ...]:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return tuple(_read_logprob(token) for token in content or ())


def _read_logprob(token: JSON) -> ChatLogprob:
    text, data, logprob = str(token.get("token", "")), token.get("bytes"), token.get("logprob")
    top = token.get("top_logprobs")
    return ChatLogprob(
        text,
        bytes(data) if isinstance(data, list) else text.encode(),
        float(logprob) if isinstance(logprob, int | float) else 0.0,
        tuple(_read_logprob(other) for other in top) if isinstance(top, list) else (),
    )


def _decode_string(text: str) -> str:
    try:
        decoded = json.loads(text)
    except ValueError:
        return text
    return decoded if isinstance(decoded, str) else text
