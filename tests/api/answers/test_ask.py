"""Questions without a model: extractive and exact answers, follow-ups, events and refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from indexes.catalog.records import BrowseFilters
from mm.answers.evidence import REFUSAL
from mm.schemas import Answer, HitsEvent, SearchState, SentenceEvent
from tests.api.answers.conftest import LINES
from tests.api.conftest import ApiServer, KeyedServer, assert_problem

if TYPE_CHECKING:
    from collections.abc import Sequence


def ask(api: ApiServer, query: str, rounds: Sequence[tuple[str, Answer]] = (), **body: object) -> Answer:
    conversation = [{"query": question, "answer": answer.text, "state": answer.state.model_dump()} for question, answer in rounds]
    response = api.client.post("/v1/ask", json={"query": query, "conversation": conversation, **body})
    assert response.status_code == 200, response.text
    return Answer.model_validate(response.json())


def test_ask_quotes_the_likely_moment_and_cites_it(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "Who repairs a broken radio with tweezers?", items=[lecture])

    assert answer.model == "extractive"
    assert not answer.refused
    assert answer.text == f'Someone says: "{LINES[1]}" [1].'
    (citation,) = answer.citations
    assert (citation.n, citation.item_id, citation.name, citation.kind) == (1, lecture, "lecture.mp4", "video")
    assert citation.start == 10.0
    assert (citation.evidence, citation.text) == ("speech", LINES[1])
    assert answer.state.listed == [citation.segment_id]
    assert answer.state.selected == citation.segment_id
    assert answer.hits[0].item.id == lecture


def test_ask_without_a_match_is_refused_with_a_reason(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "When does the submarine surface?", items=[lecture])

    assert answer.refused
    assert answer.text == REFUSAL
    assert answer.sentences == []
    assert answer.citations == []
    assert answer.reason


def test_ask_in_an_unknown_item_is_not_found(api: ApiServer, lecture: str) -> None:
    for body in ({"items": [lecture, "0" * 32]}, {"filters": {"items": [lecture, "0" * 32]}}):
        response = api.client.post("/v1/ask", json={"query": "a dog", **body})

        assert_problem(response, 404, "not-found")


def test_ask_for_a_colour_that_no_text_states_is_refused(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "What colour is the broken radio with tweezers?", items=[lecture])

    assert answer.refused
    assert answer.reason == "No text of a retrieved moment states the colour."
    assert answer.hits, "the moments are listed"


def test_ask_how_many_images_counts_no_videos(api: ApiServer, lecture: str) -> None:
    assert ask(api, "How many videos mention the museum tickets?", items=[lecture]).text == (
        "One video shows that: lecture.mp4 [1]."
    )
    assert ask(api, "How many photos mention the museum tickets?", items=[lecture]).refused


def test_ask_how_many_videos_there_are_counts_the_items_that_the_request_allows(api: ApiServer, lecture: str) -> None:
    assert ask(api, "How many videos are there?", items=[lecture]).text == "There is 1 video: lecture.mp4."
    assert ask(api, "How many videos are there?", items=[lecture], filters={"kinds": ["image"]}).text == "There are no videos."
    total = api.service.store.catalog.browse_items(BrowseFilters(["video"], status="ready"), "newest", 0, 1)[1]
    assert ask(api, "How many videos are there?").text.startswith(f"There {'is' if total == 1 else 'are'} {total} video")


def test_ask_what_is_said_at_the_end_of_an_item_quotes_its_last_part(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "What is said in the last 10 seconds of lecture.mp4?", items=[lecture])

    assert answer.model == "exact"
    assert answer.text == f'Someone says: "{LINES[3]}" [1].'


def test_ask_only_in_an_unknown_file_states_it_and_leaves_the_search_unchanged(api: ApiServer, lecture: str) -> None:
    first = ask(api, LINES[1])

    answer = ask(api, "only in nofile.mp4", [(LINES[1], first)])

    assert answer.refused
    assert answer.text == answer.reason == "No item is named nofile.mp4; the search is unchanged."
    assert answer.state.text == first.state.text


def test_ask_follow_up_about_the_selected_moment_looks_up_its_neighbour(api: ApiServer, lecture: str) -> None:
    first = ask(api, "Who repairs a broken radio with tweezers?", items=[lecture])

    after = ask(api, "And what comes after that?", [("radio", first)], items=[lecture])

    assert after.model == "exact"
    assert after.citations[0].start == 20.0
    before = ask(api, "what was before that", [("radio", first)], items=[lecture])
    assert LINES[0] in before.text


def test_ask_at_a_time_of_a_named_item_describes_the_moment_there(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "What happens at 00:32 in Lecture.MP4?")

    assert answer.model == "exact"
    assert answer.text == f'Someone says: "{LINES[3]}" [1].'
    assert ask(api, "What happens at 12:00 in lecture.mp4?").refused


def test_ask_how_many_counts_the_matching_moments(api: ApiServer, lecture: str) -> None:
    answer = ask(api, "How many moments mention the museum tickets?", items=[lecture])

    assert answer.text == "One moment shows that [1]."
    assert answer.citations[0].start == 20.0


def test_ask_as_events_ends_with_the_same_answer(api: ApiServer, lecture: str) -> None:
    body: dict[str, Any] = {"query": "Who repairs a broken radio with tweezers?", "items": [lecture]}

    response = api.client.post("/v1/ask", json={**body, "stream": True})

    assert response.headers["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in response.text.strip().split("\n\n")]
    assert [event["event"] for event in events] == ["state", "hits", "sentence", "done"]
    assert SearchState.model_validate_json(events[0]["data"]).items == []
    assert HitsEvent.model_validate_json(events[1]["data"]).hits[0].item.id == lecture
    sentence = SentenceEvent.model_validate_json(events[2]["data"])
    assert [citation.n for citation in sentence.cited] == sentence.citations == [1]
    done = Answer.model_validate_json(events[3]["data"])
    assert done.text == ask(api, body["query"], items=[lecture]).text


def test_ask_never_cites_items_outside_of_the_filters(api: ApiServer, lecture: str, library: dict[str, str]) -> None:
    first = ask(api, "Who repairs a broken radio with tweezers?", items=[lecture])

    answer = ask(api, "And what comes after that?", [("radio", first)], items=[library["talk"]])

    assert all(citation.item_id == library["talk"] for citation in answer.citations)


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"query": " "}, 400, "invalid-input"),
        ({"query": "x" * 3000}, 413, "too-large"),
        ({"query": "x", "conversation": [{"query": "a", "answer": "b", "state": {}}] * 16}, 400, "invalid-input"),
        ({"query": "x", "conversation": [{"query": "a", "answer": "b" * 30_000, "state": {}}]}, 413, "too-large"),
        ({"query": "x", "unknown": 1}, 400, "invalid-input"),
        ({"query": "x", "max_tokens": 0}, 400, "invalid-input"),
    ],
)
def test_ask_of_an_invalid_request_is_a_problem(api: ApiServer, body: dict[str, object], status: int, slug: str) -> None:
    assert_problem(api.client.post("/v1/ask", content=json.dumps(body)), status, slug)


def test_ask_with_a_key_of_scope_read_is_allowed(keyed: KeyedServer) -> None:
    _, headers = keyed.key("read")

    response = keyed.running.client.post("/v1/ask", json={"query": "a dog"}, headers=headers)

    assert response.status_code == 200, response.text
    assert response.json()["refused"]
    assert keyed.running.client.post("/v1/ask", json={"query": "a dog"}).status_code == 401
