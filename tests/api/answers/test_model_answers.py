"""Answers that a model of another server writes: checked, streamed, cancelled, replaced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mm.answers.check import REASON_REFUSED
from mm.answers.evidence import REFUSAL, Evidence, EvidenceMoment
from mm.answers.prompt import INSTRUCTION, format_moments
from mm.schemas import Answer
from mm.settings import Settings
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.answers.conftest import LINES, add_lecture
from tests.api.conftest import ApiServer, add_searchable, run_server
from tests.generation.upstream.server import LanguageServer, vllm
from tests.graphs import with_graphs
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "Who repairs a broken radio with tweezers?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graphs: Path, language: LanguageServer) -> Iterator[ApiServer]:
    home = with_graphs(tmp_path_factory.mktemp("answers"), graphs)
    with run_server(Settings(home=home, language_url=language.url, language_model="first-model")) as api:
        add_lecture(api)
        yield api


def ask(server: ApiServer, language: LanguageServer, *pieces: str, query: str = QUESTION) -> Answer:
    language.responses.append(vllm(list(pieces)))
    response = server.client.post("/v1/ask", json={"query": query})
    assert response.status_code == 200, response.text
    return Answer.model_validate(response.json())


def test_ask_a_model_passes_its_supported_sentences_with_renumbered_citations(
    server: ApiServer, language: LanguageServer
) -> None:
    number = find_number(server, language, LINES[1])

    answer = ask(
        server, language, "My grandmother repairs a ", f"broken radio [{number}", "][99]. She flies to ", f"Mars [{number}]."
    )

    assert answer.text == "My grandmother repairs a broken radio [1]."
    assert [(citation.n, citation.start) for citation in answer.citations] == [(1, 10.0)]
    assert answer.model == "first-model"
    assert any("removed" in note for note in answer.notes)
    assert answer.state.selected == answer.citations[0].segment_id


def find_number(server: ApiServer, language: LanguageServer, line: str) -> int:
    """The number of the moment with a line in the prompt that the model receives."""
    ask(server, language, REFUSAL)
    system = language.bodies[-1]["messages"][0]["content"]
    (found,) = [entry for entry in system.splitlines() if line in entry]
    return int(found.split("]")[0].strip("["))


def test_ask_a_model_that_refuses_is_a_refusal_with_the_hits(server: ApiServer, language: LanguageServer) -> None:
    answer = ask(server, language, REFUSAL)

    assert answer.refused
    assert answer.reason == REASON_REFUSED
    assert answer.citations == []
    assert answer.state.listed == []
    assert answer.hits


def test_ask_a_model_is_not_used_for_exact_answers(server: ApiServer, language: LanguageServer) -> None:
    before = len(language.bodies)

    response = server.client.post("/v1/ask", json={"query": "What happens at 00:32 in lecture.mp4?"})

    assert response.json()["model"] == "exact"
    assert len(language.bodies) == before


def test_ask_a_model_that_fails_answers_by_quotations_with_a_note(server: ApiServer, language: LanguageServer) -> None:
    language.responses += [(503, {"error": {"message": "loading"}}, {})] * 5

    answer = Answer.model_validate(server.client.post("/v1/ask", json={"query": QUESTION}).json())

    language.responses.clear()
    assert answer.model == "extractive"
    assert LINES[1] in answer.text
    assert any(note.startswith("The answer is without a language model.") for note in answer.notes)


def test_ask_a_model_as_events_sends_each_sentence_before_the_end(server: ApiServer, language: LanguageServer) -> None:
    number = find_number(server, language, LINES[1])
    language.responses.append(vllm([f"My grandmother repairs a radio [{number}]. ", f'Someone says: "{LINES[1]}" [{number}].']))

    response = server.client.post("/v1/ask", json={"query": QUESTION, "stream": True})

    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert names == ["state", "hits", "sentence", "sentence", "done"]


def test_ask_a_model_is_cancelled_when_the_client_disconnects(server: ApiServer, language: LanguageServer) -> None:
    language.closed.clear()
    language.responses.append([*vllm(["My grandmother "])[:2], "wait"])
    num_requests = len(language.bodies)
    with server.client.stream("POST", "/v1/ask", json={"query": QUESTION, "stream": True}) as response:
        lines = response.iter_lines()
        assert json.loads(next(line for line in lines if line.startswith("data:")).removeprefix("data: "))["text"]
        wait_for(lambda: len(language.bodies) > num_requests, "the model receives the request")
    assert language.closed.wait(30)


def test_ask_prompt_numbers_the_scenes_of_moments_as_training_prompts_do(server: ApiServer, language: LanguageServer) -> None:
    space, lines = server.service.space, ("the llamas cross the bridge", "the llamas eat lettuce", "the llamas fall asleep")
    segments = [
        EncodedSegment(
            start, start + 5.0, number, [EncodedEvidence("speech", start, start + 4.0, line, space.text.embed([line])[0])]
        )
        for number, (start, line) in enumerate(zip((0.0, 10.0, 30.0), lines, strict=True))
    ]
    item = add_searchable(server, media.video(40.0, seed=78), "llamas.mp4", "llamas", segments, [(0.0, 10.0), (10.0, 40.0)])

    ask(server, language, REFUSAL, query="What do the llamas do in llamas.mp4?")

    content = language.bodies[-1]["messages"][0]["content"]
    trained = [
        EvidenceMoment(str(number), "llamas.mp4", start, end, scene, (Evidence("speech", line),), item)
        for number, (start, end, scene, line) in enumerate(zip((0, 10, 30), (5, 15, 35), (1, 2, 2), lines, strict=True))
    ]
    assert content == f"{INSTRUCTION}\n\n{format_moments(trained)}"
