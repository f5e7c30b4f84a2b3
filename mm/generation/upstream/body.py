"""A chat request as the JSON body of `POST /chat/completions`.

The format is that of OpenAI's API reference; `top_k`, `ignore_eos` and `chat_template_kwargs` are
the extensions of vLLM, SGLang and llama.cpp.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, UnsupportedMedia
from mm.generation.chat.types import ImageMedia, SoundMedia, VideoMedia
from mm.generation.grammar import Choice, JsonSchema

if TYPE_CHECKING:
    from collections.abc import Collection

    from mm.generation.chat.types import ChatMessage, ChatRequest, Media, Tool
    from mm.generation.grammar import Grammar

JSON = dict[str, object]

OPTIONAL = ("chat_template_kwargs", "stream_options", "top_k", "seed", "top_logprobs", "logprobs", "ignore_eos")
"""Fields that a server may refuse; the request is then repeated without them."""
RENAMED = {"max_tokens": "max_completion_tokens"}
"""Fields that newer models of OpenAI refuse, and what they read in their place."""


def build_body(request: ChatRequest, model: str, refused: Collection[str] = ()) -> JSON:
    """The body, without the `refused` fields.

    Raises `UnsupportedMedia` for an image without its bytes, `InvalidInput` for a grammar that the
    API cannot express.
    """
    params = request.params
    body: JSON = {
        "model": model,
        "messages": [_convert_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
        # Thinking delays the first word, and makes perception worse.
        "chat_template_kwargs": {"enable_thinking": False},
    }
    if params.top_k:
        body["top_k"] = params.top_k
    if params.seed is not None:
        body["seed"] = params.seed
    if params.stop:
        body["stop"] = list(params.stop)
    if params.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": params.logprobs}
    if params.ignore_eos:
        body["ignore_eos"] = True
    if request.tools:
        body |= {
            "tools": [_convert_tool(tool) for tool in request.tools],
            "tool_choice": _convert_tool_choice(request.tool_choice),
        }
    if params.grammar is not None:
        schema = {"name": "answer", "schema": _convert_grammar(params.grammar), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {RENAMED.get(name, name) if name in refused else name: value for name, value in body.items()
            if name not in refused or name in RENAMED}  # fmt: skip


def _convert_message(message: ChatMessage) -> JSON:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    converted: JSON = {"role": message.role, "content": message.text}
    if message.media:
        parts = [part for media in message.media for part in _convert_media(media)]
        converted["content"] = [*parts, *([_text(message.text)] if message.text else [])]
    if message.tool_calls:
        converted["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return converted


def _convert_media(media: Media) -> list[JSON]:
    match media:
        case ImageMedia():
            return _convert_image(media)
        case VideoMedia():
            title = f"Video {media.label}".strip() + f", {len(media.frames)} frames in their order:"
            return [_text(title), *(part for frame in media.frames for part in _convert_image(frame))]
        case SoundMedia():
            return [_text(f"Sound {media.label}".strip() + f": {', '.join(media.class_names) or 'not recognized'}.")]


def _convert_image(image: ImageMedia) -> list[JSON]:
    if not image.jpeg:
        raise UnsupportedMedia(f"The image {image.label} has no file that could be sent to the language server.")
    url = f"data:image/jpeg;base64,{base64.b64encode(image.jpeg).decode()}"
    return [*([_text(image.label)] if image.label else []), {"type": "image_url", "image_url": {"url": url}}]


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def _convert_tool(tool: Tool) -> JSON:
    try:
        parameters = json.loads(tool.parameters)
    except ValueError as error:
        raise InvalidInput(f"The parameters of the tool {tool.name!r:.80} are not JSON: {error}.") from error
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": parameters}}


def _convert_tool_choice(choice: str) -> object:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "function": {"name": choice}}


def _convert_grammar(grammar: Grammar) -> object:
    """The schema of a grammar. A choice is a JSON string, which `answer` decodes."""
    match grammar:
        case JsonSchema(schema):
            try:
                return json.loads(schema)
            except ValueError as error:
                raise InvalidInput(f"The schema is not valid JSON: {error}.") from error
        case Choice(options):
            return {"type": "string", "enum": list(options)}
        case _:
            raise InvalidInput("A language server supports schemas, choices and tools, but no other grammar.")
