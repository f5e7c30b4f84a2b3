"""The schemas of the tools, and what a grammar of them lets a model write."""

from __future__ import annotations

import json

import pytest

from mm.agent.arguments import CountArguments
from mm.agent.loop import CHAT_TOOLS
from mm.agent.tools import TOOLS, ToolDefinition, get_tool
from mm.errors import InvalidInput
from mm.generation import Request, SamplingParams
from mm.generation.chat.tools import build_grammar
from tests.generation.requests import generate, joined
from tests.generation.test_grammar import make_engine


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


def test_grammar_of_tools_allows_only_calls_that_parse() -> None:
    grammar = build_grammar(CHAT_TOOLS, is_required=True)
    params = [SamplingParams(max_tokens=380, temperature=1.0, seed=seed, grammar=grammar) for seed in range(40)]
    requests = [Request(str(p.seed), (p.seed or 0,), p) for p in params]
    num_complete = 0
    for outputs in generate(make_engine(), requests).values():
        _, text, reason = joined(outputs)
        if reason != "stop":
            continue
        call = json.loads(text.removeprefix("<tool_call>"))
        # The pattern of a day allows days that no month has.
        days = {name: "" for name in call["arguments"] if name.startswith("uploaded_")}
        get_tool(call["name"]).parse(call["arguments"] | days)
        num_complete += 1
    assert num_complete > 0
