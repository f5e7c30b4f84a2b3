"""Answers of an agent that a scripted model of another server steers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mm.answers.check import REASON_NOTHING
from mm.schemas import Answer
from mm.settings import Settings
from tests.api.answers.conftest import LINES, add_lecture
from tests.api.conftest import ApiServer, assert_problem, run_server
from tests.generation.upstream.server import Event, LanguageServer, chunk, vllm
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "What does my grandmother repair?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graphs: Path, language: LanguageServer) -> Iterator[ApiServer]:
    home = with_graphs(tmp_path_factory.mktemp("agent"), graphs)
    with run_server(Settings(home=home, language_url=language.url, language_model="first-model", agent_steps=2)) as api:
        add_lecture(api)
        yield api


def call(name: str, **arguments: object) -> list[Event | str]:
    """A response that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    delta = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    return [chunk({"role": "assistant", "content": None}), chunk(delta), chunk({}, "tool_calls"), "[DONE]"]


def ask(server: ApiServer, language: LanguageServer, *responses: list[Event | str], **fields: object) -> Answer:
    language.responses[:] = responses
    language.bodies.clear()
    response = server.client.post("/v1/ask", json={"query": QUESTION, "agent": True} | fields)
    assert response.status_code == 200, response.text
    return Answer.model_validate(response.json())


def test_agent_answers_from_moments_that_its_steps_found(server: ApiServer, language: LanguageServer) -> None:
    answer = ask(
        server,
        language,
        call("search", query="a broken radio with tweezers", limit=1),
        vllm(["done"]),
        vllm(["My grandmother repairs a broken radio [1]."]),
    )
    assert [(step.tool, step.arguments["query"], step.error) for step in answer.steps] == [
        ("search", "a broken radio with tweezers", None)
    ]
    assert LINES[1] in answer.steps[0].result
    assert answer.text == "My grandmother repairs a broken radio [1]."
    assert [(citation.start, citation.end) for citation in answer.citations] == [(10.0, 15.0)]
    assert answer.model == "first-model"
    assert answer.state.selected == answer.citations[0].segment_id


def test_agent_ends_at_limit_of_steps_and_reads_errors(server: ApiServer, language: LanguageServer) -> None:
    answer = ask(
        server,
        language,
        call("describe", item="no such file"),
        call("describe", item="lecture.mp4"),
        vllm(["My grandmother repairs a broken radio [2]."]),
    )
    assert [step.error is None for step in answer.steps] == [False, True]
    assert "no such file" in language.bodies[1]["messages"][-1]["content"]
    assert answer.text == "My grandmother repairs a broken radio [1]."


def test_agent_states_count_exactly(server: ApiServer, language: LanguageServer) -> None:
    answer = ask(server, language, call("count"), vllm(["done"]))
    assert (answer.text, answer.model) == ("The library has 1 item of this kind: 1 video.", "exact")


def test_agent_that_finds_nothing_refuses(server: ApiServer, language: LanguageServer) -> None:
    answer = ask(server, language, call("search", query="quarterly revenue of the subsidiary"), vllm(["done"]))
    assert answer.refused
    assert answer.reason == REASON_NOTHING
    assert len(answer.steps) == 1


def test_agent_streams_each_step_before_sentences(server: ApiServer, language: LanguageServer) -> None:
    language.responses[:] = [call("search", query="a broken radio with tweezers"), vllm(["done"]), vllm(["A broken radio [1]."])]
    body = {"query": QUESTION, "agent": True, "stream": True}
    with server.client.stream("POST", "/v1/ask", json=body) as response:
        names = [line.removeprefix("event: ") for line in response.iter_lines() if line.startswith("event:")]
    assert names[:3] == ["state", "hits", "step"]
    assert names[-1] == "done"


def test_agent_without_language_model_is_named_error(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs), language="off")) as api:
        document = assert_problem(api.client.post("/v1/ask", json={"query": QUESTION, "agent": True}), 503, "unavailable")
    assert "MM_LANGUAGE" in document["detail"]
