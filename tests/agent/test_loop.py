"""The agent with a scripted model: steps, limits and errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from mm.agent.loop import AgentStep, gather_evidence
from mm.agent.observations import MAX_CHARS, format_result
from mm.agent.results import Count, FoundEvidence, FoundMoment, ItemCount, Moments
from mm.agent.tools import get_tool
from mm.errors import NotFound, Unavailable
from mm.generation.chat.types import ChatDelta, ChatRequest, ToolCall
from mm.schemas import Model


@dataclass
class ScriptedModel:
    """Replies with the next entry of `replies`: a text, or calls as (name, arguments)."""

    replies: list[str | list[tuple[str, str]]]
    name: str = "scripted"
    requests: list[ChatRequest] = field(default_factory=list)

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        reply = self.replies[len(self.requests)]
        self.requests.append(request)
        if isinstance(reply, str):
            yield from (ChatDelta(part) for part in reply.partition(" "))
            yield ChatDelta(finish_reason="stop")
        else:
            calls = tuple(ToolCall(f"call_{i}", name, arguments) for i, (name, arguments) in enumerate(reply))
            yield ChatDelta(finish_reason="tool_calls", tool_calls=calls)

    async def stream_async(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        for delta in self.stream(request):
            yield delta


def make_moment(start: float) -> FoundMoment:
    evidence = [FoundEvidence(kind="speech", text="the ferry leaves"), FoundEvidence(kind="picture")]
    return FoundMoment(
        item="a", name="a.mp4", kind="video", start=start, end=start + 1, band="likely", score=0.9, evidence=evidence
    )


async def search(name: str, arguments: Mapping[str, object]) -> Model:
    """Finds one moment, whose start is the number of characters of the query."""
    get_tool(name).parse(arguments)
    return Moments(moments=[make_moment(float(len(str(arguments["query"]))))])


def run(model: ScriptedModel, max_steps: int = 4, call_tool: object = search) -> list[AgentStep]:
    async def collect() -> list[AgentStep]:
        steps = gather_evidence(model, "when?", call_tool, max_steps=max_steps, key="k")  # type: ignore[arg-type]
        return [step async for step in steps]

    return asyncio.run(collect())


def find(query: str) -> list[tuple[str, str]]:
    return [("search", json.dumps({"query": query}))]


def test_agent_executes_equal_calls_of_one_reply_once() -> None:
    model = ScriptedModel([[*find("a"), *find("bb"), *find("a")], "done"])
    assert [step.arguments["query"] for step in run(model)] == ["a", "bb"]


def test_agent_reports_steps_until_reply_without_call() -> None:
    model = ScriptedModel([find("a"), find("bb"), "done"])
    steps = run(model)
    assert [(step.tool, step.arguments, step.error) for step in steps] == [
        ("search", {"query": text}, None) for text in ("a", "bb")
    ]
    observations = [message.text for message in model.requests[-1].messages if message.role == "tool"]
    assert observations == [step.text for step in steps]
    assert observations[0] == 'a.mp4 1-2 s, likely: speech "the ferry leaves"; picture'
    assert [request.tool_choice for request in model.requests] == ["required", "auto", "auto"]
    assert model.requests[0].key == "k"


def test_agent_ends_at_limit_of_steps() -> None:
    model = ScriptedModel([find("a"), [*find("bb"), *find("ccc"), *find("dddd")]])
    assert [step.arguments["query"] for step in run(model, max_steps=3)] == ["a", "bb", "ccc"]


def test_agent_that_repeats_call_ends() -> None:
    assert len(run(ScriptedModel([find("a"), find("a")]))) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [("search", "{", "not JSON"), ("search", "[]", "not an object"), ("search", "{}", "query"), ("fly", "{}", "fly")],
)
def test_agent_reads_error_of_wrong_call_and_continues(name: str, arguments: str, reason: str) -> None:
    first, second = run(ScriptedModel([[(name, arguments)], find("a"), "done"]))
    assert first.error is not None
    assert reason in first.error
    assert first.text == first.error
    assert second.error is None


def test_agent_reads_that_item_does_not_exist() -> None:
    async def fail(name: str, arguments: Mapping[str, object]) -> Model:
        raise NotFound("There is no item 'x'.")

    (step,) = run(ScriptedModel([[("describe", '{"item": "x"}')], "done"]), call_tool=fail)
    assert (step.text, step.error) == ("There is no item 'x'.", "There is no item 'x'.")


def test_agent_ends_with_error_of_service() -> None:
    async def fail(name: str, arguments: Mapping[str, object]) -> Model:
        raise Unavailable("The index is being built.")

    with pytest.raises(Unavailable):
        run(ScriptedModel([find("a")]), call_tool=fail)


def test_format_result_of_many_moments_is_cut_at_end_of_line() -> None:
    text = format_result(Moments(moments=[make_moment(float(start)) for start in range(200)]))
    assert len(text) <= MAX_CHARS + 4
    assert text.endswith("picture\n...")


def test_format_result_of_count_names_items() -> None:
    count = Count(items=2, moments=5, by_kind={"video": 2}, by_item=[ItemCount(item="a", name="a.mp4", moments=4)])
    assert format_result(count) == "2 items with 5 moments (2 video).\na.mp4: 4"
