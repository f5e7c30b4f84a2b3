"""A request for a chat completion as a conversation for a chat model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from api.chat.media import MediaResolver
from mm.errors import InvalidInput, TooLarge
from mm.generation import JsonSchema, SamplingParams
from mm.generation.chat.types import ChatMessage, ChatRequest, Tool, ToolCall
from mm.schemas import NamedTool, TextPart

if TYPE_CHECKING:
    import threading

    from api.service import Service
    from mm.generation.chat.types import ChatModel, Media
    from mm.schemas import ChatCompletionRequest, ChatInput
    from mm.schemas.chat import ContentPart
    from mm.settings import Settings

DEFAULT_MAX_TOKENS = 512
DEFAULT_TEMPERATURE = 0.2
MAX_MEDIA = 16
"""Media of one request."""
ANY_OBJECT = '{"type": "object"}'


def check_request(body: ChatCompletionRequest, settings: Settings) -> None:
    """Raise `InvalidInput` for parameters that are not supported, and `TooLarge` for a conversation
    over the limits of the settings."""
    if body.n not in (None, 1):
        raise InvalidInput(f"n is {body.n}; only one completion per request is supported.")
    for name in ("presence_penalty", "frequency_penalty", "logit_bias"):
        if getattr(body, name):
            raise InvalidInput(f"{name} is not supported; leave it out.")
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidInput("top_logprobs needs logprobs to be true.")
    if len(body.messages) > settings.chat_messages:
        raise TooLarge(
            f"The conversation has {len(body.messages):,} messages; the maximum is {settings.chat_messages:,} (MM_CHAT_MESSAGES)."
        )
    num_chars = sum(_count_chars(message) for message in body.messages) + sum(
        len(tool.model_dump_json()) for tool in body.tools or ()
    )
    if num_chars > settings.chat_chars:
        raise TooLarge(f"The conversation has {num_chars:,} characters; the maximum is {settings.chat_chars:,} (MM_CHAT_CHARS).")
    if (num_media := _count_media(body)) > MAX_MEDIA:
        raise TooLarge(f"The conversation has {num_media} images, videos and audio files; the maximum is {MAX_MEDIA}.")
    if not any(map(_has_content, body.messages)):
        raise InvalidInput("The conversation is empty: no message has content.")


def has_media(body: ChatCompletionRequest) -> bool:
    """Whether a conversation has parts other than text."""
    return _count_media(body) > 0


def build_chat_request(
    service: Service, model: ChatModel, body: ChatCompletionRequest, key: str, cancelled: threading.Event
) -> tuple[ChatRequest, tuple[str, ...]]:
    """The conversation with its media decoded, and notes about them. Blocks.

    Raises `InvalidInput`, `NotFound`, `Conflict`, `MediaError`, `TooLarge`, `UnsupportedMedia`,
    `Unavailable`, and `Cancelled` between two media once the event is set.
    """
    resolver = MediaResolver(service, model, cancelled)
    messages = tuple(_build_message(message, resolver) for message in body.messages)
    tools = tuple(
        Tool(tool.function.name, tool.function.description or "", json.dumps(tool.function.parameters or {"type": "object"}))
        for tool in body.tools or ()
    )
    choice = body.tool_choice.function.name if isinstance(body.tool_choice, NamedTool) else body.tool_choice or "auto"
    request = ChatRequest(messages, _build_params(body), tools, choice, tuple(body.expert_preference or ()), key, task="chat")
    return request, tuple(resolver.notes)


def _build_message(message: ChatInput, resolver: MediaResolver) -> ChatMessage:
    texts: list[str] = []
    media: list[Media] = []
    for part in _list_parts(message):
        if isinstance(part, TextPart):
            texts.append(part.text)
            continue
        if message.role != "user":
            raise InvalidInput(f"A message of the role {message.role} can have text only.")
        text, resolved = resolver.resolve(part)
        texts += [text] if text else []
        media += resolved
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    if calls and message.role != "assistant":
        raise InvalidInput(f"A message of the role {message.role} cannot call tools.")
    role = "system" if message.role == "developer" else message.role
    return ChatMessage(role, "\n".join(texts), tuple(media), calls, message.tool_call_id or "")


def _build_params(body: ChatCompletionRequest) -> SamplingParams:
    return SamplingParams(
        max_tokens=body.max_completion_tokens or body.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=DEFAULT_TEMPERATURE if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        top_k=body.top_k or 0,
        seed=body.seed,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        grammar=_build_grammar(body),
    )


def _build_grammar(body: ChatCompletionRequest) -> JsonSchema | None:
    if body.response_format is None or body.response_format.type == "text":
        return None
    if body.response_format.type == "json_object":
        return JsonSchema(ANY_OBJECT)
    if body.response_format.json_schema is None:
        raise InvalidInput("response_format of the type json_schema needs the field json_schema.")
    return JsonSchema(json.dumps(body.response_format.json_schema.json_schema))


def _has_content(message: ChatInput) -> bool:
    """Whether a message has media, or text other than white space."""
    return any(part.text.strip() if isinstance(part, TextPart) else True for part in _list_parts(message))


def _list_parts(message: ChatInput) -> list[ContentPart]:
    return message.content if isinstance(message.content, list) else [TextPart(text=message.content or "")]


def _count_chars(message: ChatInput) -> int:
    calls = sum(len(call.function.arguments) for call in message.tool_calls or ())
    if isinstance(message.content, list):
        return calls + sum(len(part.text) for part in message.content if isinstance(part, TextPart))
    return calls + len(message.content or "")


def _count_media(body: ChatCompletionRequest) -> int:
    parts = [part for message in body.messages if isinstance(message.content, list) for part in message.content]
    return sum(not isinstance(part, TextPart) for part in parts)
