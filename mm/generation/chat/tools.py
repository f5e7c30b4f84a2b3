"""Tool calls of local models: tools described in the prompt, calls forced by a grammar.

A call is `<tool_call>{"name": ..., "arguments": {...}}`, the form that Hermes, Qwen and SmolLM2
are trained with. The grammar allows only names of the request's tools, and arguments that their
schemas allow.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.generation.chat.types import ToolCall
from mm.generation.grammar import TaggedJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.generation.chat.types import ChatRequest, Tool

TAG = "<tool_call>"
MAX_TOOLS = 64

Schema = dict[str, object]


def select_tools(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that the answer may call. Raises `InvalidInput` for more than `MAX_TOOLS`."""
    if len(request.tools) > MAX_TOOLS:
        raise InvalidInput(f"The request has {len(request.tools)} tools; the maximum is {MAX_TOOLS}.")
    if request.tool_choice == "none":
        return ()
    if request.tool_choice in ("auto", "required"):
        return request.tools
    return tuple(tool for tool in request.tools if tool.name == request.tool_choice)


def describe_tools(tools: Sequence[Tool]) -> str:
    """The text of the system message that lists the tools."""
    described = [
        {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.parameters)} for tool in tools
    ]
    listed = "\n".join(json.dumps(tool) for tool in described)
    return f'You may call one of these tools:\n{listed}\nTo call one, write {TAG}{{"name": ..., "arguments": {{...}}}}.'


def format_call(call: ToolCall) -> str:
    """A call as the model writes it."""
    return f'{TAG}{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'


def build_grammar(tools: Sequence[Tool], *, is_required: bool) -> TaggedJson:
    """The grammar of a call, or of a text without one unless it `is_required`.

    Raises `InvalidInput` for parameters that are not a JSON Schema of an object.
    """
    calls: list[Schema] = []
    definitions: dict[str, Schema] = {"$defs": {}, "definitions": {}}
    for tool in tools:
        parameters = _parse_parameters(tool)
        for key, shared in definitions.items():
            _merge(shared, parameters.pop(key, {}), tool)
        properties = {"name": {"const": tool.name}, "arguments": parameters}
        calls.append(
            {"type": "object", "properties": properties, "required": ["name", "arguments"], "additionalProperties": False}
        )
    schema: Schema = {"anyOf": calls, **{key: shared for key, shared in definitions.items() if shared}}
    return TaggedJson(TAG, json.dumps(schema), is_optional=not is_required)


class ToolCallParser:
    """Separates a call from text while the answer arrives."""

    def __init__(self) -> None:
        self._held: str | None = ""

    def push(self, text: str) -> str:
        """The text that is certainly no part of a call."""
        if self._held is None:
            return text
        self._held += text
        if TAG.startswith(self._held[: len(TAG)]):
            return ""
        text, self._held = self._held, None
        return text

    def finish(self) -> tuple[str, tuple[ToolCall, ...]]:
        """The held text, or the call that it is. A call that was cut off is text."""
        held, self._held = self._held or "", None
        try:
            call = json.loads(held.removeprefix(TAG)) if held.startswith(TAG) else None
        except ValueError:
            call = None
        if not isinstance(call, dict):
            return held, ()
        return "", (ToolCall(f"call_{secrets.token_hex(12)}", call["name"], json.dumps(call["arguments"])),)


def _parse_parameters(tool: Tool) -> Schema:
    try:
        parameters = json.loads(tool.parameters)
    except ValueError as error:
        raise InvalidInput(f"The parameters of the tool {tool.name!r:.80} are not JSON: {error}.") from error
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        raise InvalidInput(f"The parameters of the tool {tool.name!r:.80} must be a JSON Schema of an object.")
    return {**parameters, "type": "object"}


def _merge(shared: Schema, definitions: object, tool: Tool) -> None:
    """Add the definitions of a tool, to which its `$ref` point, to those of the common schema."""
    if not isinstance(definitions, dict):
        raise InvalidInput(f"The definitions in the parameters of the tool {tool.name!r:.80} are not an object.")
    for name, schema in definitions.items():
        if shared.setdefault(name, schema) != schema:
            raise InvalidInput(f"Two tools define {name!r:.80} differently; rename one definition.")
