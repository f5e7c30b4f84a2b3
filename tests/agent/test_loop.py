"""The agent with a scripted model: steps, limits, errors and the numbers of moments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from mm.agent.loop import AgentAnswer, AgentStep, run_agent
from mm.agent.observations import MAX_CHARS, MomentNumbers, format_result
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
            yield ChatDelta(finish_reason="stop", notes=("A note.",))
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


def run(model: ScriptedModel, max_steps: int = 4, call_tool: object = search) -> list[AgentStep | AgentAnswer]:
    async def collect() -> list[AgentStep | AgentAnswer]:
        return [event async for event in run_agent(model, "when?", call_tool, max_steps=max_steps, key="k")]  # type: ignore[arg-type]

    return asyncio.run(collect())


def find(query: str) -> list[tuple[str, str]]:
    return [("search", json.dumps({"query": query}))]


def test_agent_reports_steps_and_answer_with_numbered_moments() -> None:
    model = ScriptedModel([find("a"), find("bb"), find("a "), "At noon [1]."])
    *steps, answer = run(model)
    assert [(step.tool, step.arguments, step.is_error) for step in steps if isinstance(step, AgentStep)] == [
        ("search", {"query": text}, False) for text in ("a", "bb", "a ")
    ]
    assert isinstance(answer, AgentAnswer)
    assert answer.text == "At noon [1]."
    assert [moment.start for moment in answer.moments] == [1.0, 2.0], "the third step found the second moment again"
    assert list(answer.notes) == ["A note."]
    assert [message.text for message in model.requests[-1].messages if message.role == "tool"] == [
        f'[{n}] a.mp4 {n}-{n + 1} s, likely: speech "the ferry leaves"; picture' for n in (1, 2, 2)
    ]
    assert model.requests[0].key == "k"


def test_agent_requires_call_first_and_allows_none_at_limit() -> None:
    model = ScriptedModel([find("a"), find("bb"), "Done."])
    assert len(run(model, max_steps=2)) == 3
    assert [request.tool_choice for request in model.requests] == ["required", "auto", "none"]


def test_agent_with_several_calls_in_one_reply_stops_at_limit() -> None:
    model = ScriptedModel([[*find("a"), *find("bb"), *find("ccc")], "Done."])
    *steps, _ = run(model, max_steps=2)
    assert len(steps) == 2


def test_agent_that_repeats_call_is_made_to_answer() -> None:
    model = ScriptedModel([find("a"), find("a"), "Done."])
    *steps, answer = run(model)
    assert len(steps) == 1
    assert isinstance(answer, AgentAnswer)
    assert model.requests[-1].tool_choice == "none"


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [("search", "{", "not JSON"), ("search", "[]", "not an object"), ("search", "{}", "query"), ("fly", "{}", "fly")],
)
def test_agent_reads_error_of_wrong_call_and_continues(name: str, arguments: str, reason: str) -> None:
    model = ScriptedModel([[(name, arguments)], find("a"), "Done."])
    first, second, answer = run(model)
    assert isinstance(first, AgentStep)
    assert first.is_error
    assert reason in first.text
    assert isinstance(second, AgentStep)
    assert not second.is_error
    assert isinstance(answer, AgentAnswer)


def test_agent_reads_that_item_does_not_exist() -> None:
    async def fail(name: str, arguments: Mapping[str, object]) -> Model:
        raise NotFound("There is no item 'x'.")

    step, _ = run(ScriptedModel([[("describe", '{"item": "x"}')], "Done."]), call_tool=fail)
    assert isinstance(step, AgentStep)
    assert (step.text, step.is_error) == ("There is no item 'x'.", True)


def test_agent_ends_with_error_of_service() -> None:
    async def fail(name: str, arguments: Mapping[str, object]) -> Model:
        raise Unavailable("The index is being built.")

    with pytest.raises(Unavailable):
        run(ScriptedModel([find("a")]), call_tool=fail)


def test_format_result_of_many_moments_is_cut_at_end_of_line() -> None:
    text = format_result(Moments(moments=[make_moment(float(start)) for start in range(200)]), MomentNumbers())
    assert len(text) <= MAX_CHARS + 4
    assert text.endswith("picture\n...")


def test_format_result_of_count_names_items() -> None:
    count = Count(items=2, moments=5, by_kind={"video": 2}, by_item=[ItemCount(item="a", name="a.mp4", moments=4)])
    assert format_result(count, MomentNumbers()) == "2 items with 5 moments (2 video).\na.mp4: 4"
