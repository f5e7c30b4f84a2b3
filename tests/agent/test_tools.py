"""The schemas of the tools, and what a grammar of them lets a model write."""

from __future__ import annotations

import json

import pytest

from mm.agent.arguments import CountArguments
from mm.agent.tools import TOOLS, ToolDefinition, get_tool
from mm.agent.toolsets import FULL, Toolset, make_small_toolset, select_tool
from mm.errors import InvalidInput
from mm.generation import Request, SamplingParams
from mm.generation.chat.tools import build_grammar
from tests.generation.requests import generate, joined
from tests.generation.test_grammar import make_engine

QUESTIONS = {"search": "who wears a yellow helmet?", "when": "When is the train seen?", "count": "how many songs are there"}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_tool_schema_lists_required_arguments_first(tool: ToolDefinition) -> None:
    schema = tool.arguments_schema
    properties, required = schema["properties"], schema["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    assert list(properties)[: len(required)] == required
    assert all(entry["description"] for entry in properties.values())


def test_parse_with_several_wrong_arguments_names_each() -> None:
    with pytest.raises(InvalidInput, match=r"(?s)limit.*colour"):
        get_tool("search").parse({"query": "a dog", "limit": 99, "colour": "red"})


def test_parse_without_optional_arguments_uses_defaults() -> None:
    assert get_tool("count").parse({}) == CountArguments()


TOOLSETS = {
    "full": FULL,
    **{name: make_small_toolset(question) for name, question in QUESTIONS.items()},
    "describe": make_small_toolset("what happens in a.mp4?", ["a.mp4", 'b "x".mp4']),
}


@pytest.mark.parametrize("toolset", TOOLSETS.values(), ids=TOOLSETS)
def test_grammar_of_tools_allows_only_calls_that_parse(toolset: Toolset) -> None:
    grammar = build_grammar(toolset.tools, is_required=True)
    params = [SamplingParams(max_tokens=380, temperature=1.0, seed=seed, grammar=grammar) for seed in range(40)]
    requests = [Request(str(p.seed), (p.seed or 0,), p) for p in params]
    num_complete = 0
    for outputs in generate(make_engine(), requests).values():
        _, text, reason = joined(outputs)
        if reason != "stop":
            continue
        call = json.loads(text.removeprefix("<tool_call>"))
        # The pattern of a day allows days that no month has.
        days = {name: "" for name in call["arguments"] if name.endswith(("_after", "_before"))}
        get_tool(call["name"]).parse(call["arguments"] | days)
        num_complete += 1
    assert num_complete > 0


@pytest.mark.parametrize(
    ("question", "items", "tool"),
    [
        *((question, (), tool) for tool, question in QUESTIONS.items()),
        ("what is said in a.mp4?", ("a.mp4",), "describe"),
        ("what is said in the speech?", (), "search"),
        ("how many dogs are in a.mp4", ("a.mp4",), "count"),
    ],
)
def test_select_tool_follows_form_of_question(question: str, items: tuple[str, ...], tool: str) -> None:
    assert select_tool(question, items) == tool
    assert [entry.name for entry in make_small_toolset(question, items).tools] == [tool]


@pytest.mark.parametrize(
    ("question", "query", "kinds"),
    [
        ("how many videos are there?", {"const": ""}, ["video"]),
        ("How many photos do I have?", {"const": ""}, ["image"]),
        ("how many dogs are in the photos?", None, ["image"]),
        ("how often does it rain?", None, []),
    ],
)
def test_small_count_tool_allows_empty_query_only_without_subject(
    question: str, query: dict[str, str] | None, kinds: list[str]
) -> None:
    (tool,) = make_small_toolset(question).tools
    slots = json.loads(tool.parameters)["properties"]
    assert slots["query"] == query if query else slots["query"]["minLength"] == 1
    assert slots["kinds"]["maxItems"] == len(kinds)
    assert not kinds or slots["kinds"]["items"]["enum"] == kinds
