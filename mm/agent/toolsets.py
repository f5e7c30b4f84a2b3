"""What a model receives about the tools: all of them, or one with examples for small models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm.agent.tools import JSON, TOOLS, get_tool
from mm.answers.words import find_query_terms
from mm.generation.chat.types import ChatMessage, Tool, ToolCall
from mm.schemas import Kind

SYSTEM = (
    "You find evidence in a library of videos, photos and audio. Call tools until the results hold the answer to the question. "
    "Then reply: done."
)
SMALL_SYSTEM = "You find evidence in a library of videos, photos and audio by one call of a tool for each question."
_TEXT: JSON = {"type": "string", "minLength": 1, "maxLength": 120}
_SLOTS: dict[str, dict[str, JSON]] = {
    "search": {"query": _TEXT},
    "when": {"query": _TEXT},
    "count": {},
}
_EXAMPLES: dict[str, tuple[tuple[str, Mapping[str, object]], ...]] = {
    "search": (
        ("Is there a picture of a man with a hat?", {"query": "a man with a hat"}),
        ("Who talks about the budget?", {"query": "talking about the budget"}),
        ("show me two people on a boat", {"query": "two people on a boat"}),
    ),
    "when": (
        ("When does a dog bark?", {"query": "a dog barks"}),
        ("At what time does the bus arrive?", {"query": "a bus arrives"}),
        ("when do they talk about the weather", {"query": "talking about the weather"}),
    ),
    "count": (
        ("How many videos show a red car?", {"query": "a red car", "kinds": ["video"]}),
        ("How many photos are there?", {"query": "", "kinds": ["image"]}),
        ("How often does it rain?", {"query": "rain", "kinds": []}),
        ("How many recordings do I have?", {"query": "", "kinds": ["audio"]}),
    ),
    "describe": (("What happens in holiday.mp4?", {"item": "holiday.mp4"}),),
}
_KIND_WORDS: dict[Kind, re.Pattern[str]] = {
    "image": re.compile(r"\b(photo|picture|image)s?\b", re.IGNORECASE),
    "video": re.compile(r"\b(video|film|movie|clip)s?\b", re.IGNORECASE),
    "audio": re.compile(r"\b(audio|recording|song|sound file)s?\b", re.IGNORECASE),
}
_LIBRARY_WORDS = frozenset(find_query_terms("items files file s library all total uploaded have here stored"))
_COUNT = re.compile(r"\b(how (many|often)|count|number of)\b", re.IGNORECASE)
_WHEN = re.compile(r"^(when|at what time|what time|since when|until when)\b", re.IGNORECASE)
_DESCRIBE = re.compile(r"\b(describe|what happens|what is (in|said|shown|on)|summari[sz]e|contents? of)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Toolset:
    """Instruction, tools and examples of one kind of model."""

    system: str
    tools: tuple[Tool, ...]
    examples: tuple[ChatMessage, ...] = ()


FULL = Toolset(SYSTEM, tuple(Tool(tool.name, tool.description, json.dumps(tool.arguments_schema)) for tool in TOOLS))
"""All tools with all arguments."""


def select_tool(question: str, item_names: Sequence[str] = ()) -> str:
    """Return the tool for a question by its form; `item_names` are the items that it names."""
    if item_names and _DESCRIBE.search(question):
        return "describe"
    if _COUNT.search(question):
        return "count"
    return "when" if _WHEN.match(question.strip()) else "search"


def make_small_toolset(question: str, item_names: Sequence[str] = ()) -> Toolset:
    """Return the tool for a question, with one or two slots and examples of it.

    A model of 135 M parameters fills the slot of a text, but does not select tools and kinds
    reliably, and it misspells names of items: the schema allows only those that the question has.
    """
    name = select_tool(question, item_names)
    slots: Mapping[str, JSON] = {"item": {"enum": list(item_names)}} if name == "describe" else _SLOTS[name]
    if name == "count":
        slots = {"query": _TEXT if _has_subject(question) else {"const": ""}, "kinds": _allow_kinds(question)}
    schema: JSON = {"type": "object", "properties": dict(slots), "required": list(slots), "additionalProperties": False}
    tool = Tool(name, get_tool(name).description.partition(".")[0], json.dumps(schema))
    examples: list[ChatMessage] = []
    for number, (example, arguments) in enumerate(_EXAMPLES[name]):
        call = ToolCall(f"example_{number}", name, json.dumps(arguments))
        examples += [ChatMessage("user", example), ChatMessage("assistant", "", tool_calls=(call,))]
    return Toolset(SMALL_SYSTEM, (tool,), tuple(examples))


def _has_subject(question: str) -> bool:
    """Whether a question about a number names more than kinds of items."""
    words = _COUNT.sub(" ", question)
    for of_kind in _KIND_WORDS.values():
        words = of_kind.sub(" ", words)
    return bool(find_query_terms(words) - _LIBRARY_WORDS)


def _allow_kinds(question: str) -> JSON:
    """The schema of the only kind that the question names, or of none."""
    named = [kind for kind, words in _KIND_WORDS.items() if words.search(question)]
    allowed = named if len(named) == 1 else []
    return {"type": "array", "items": {"enum": named or list(_KIND_WORDS)}, "minItems": len(allowed), "maxItems": len(allowed)}
