"""Questions and summaries, with both clients."""

from __future__ import annotations

import json

import pytest

from mm.errors import InvalidInput, NotFound, Unavailable
from mm.schemas import Answer, Filters, Round, SearchState, Summary
from tests.client import documents
from tests.client.conftest import ClientKind, ScriptedService, reply_with, stream_of


def test_ask_sends_the_conversation_and_returns_the_answer(service: ScriptedService, kind: ClientKind) -> None:
    answer = Answer(
        text="A dog runs [1].", sentences=[], citations=[], refused=False, model="exact", state=SearchState(text="a dog"), hits=[]
    )
    service.on("/v1/ask", reply_with(200, answer.model_dump(mode="json")))
    earlier = Round(query="dogs?", answer=answer.text, state=answer.state)

    received = kind.call(
        service.url, "ask", "and then?", conversation=[earlier], filters=Filters(kinds=["video"]), items=["i" * 32], max_tokens=9
    )

    assert received == answer
    body = json.loads(service.requests[0].body)
    assert body["query"] == "and then?"
    assert body["conversation"] == [earlier.model_dump(mode="json")]
    assert body["filters"]["kinds"] == ["video"]
    assert (body["items"], body["max_tokens"], body["stream"]) == (["i" * 32], 9, False)


def test_summarize_sends_the_item_and_raises_what_the_service_reports(service: ScriptedService, kind: ClientKind) -> None:
    summary = Summary(item_id="i" * 32, text="12:00 in one part.", chapters=[], model="extractive")
    service.on("/v1/summaries", reply_with(200, summary.model_dump(mode="json")))
    assert kind.call(service.url, "summarize", "i" * 32) == summary
    assert json.loads(service.requests[0].body)["item_id"] == "i" * 32
    service.on("/v1/summaries", reply_with(404, documents.problem("not-found", 404, "There is no item 'x'.")))
    with pytest.raises(NotFound):
        kind.call(service.url, "summarize", "x")


def encode(name: str, document: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()


def test_ask_with_on_sentence_reads_the_events_up_to_the_answer(service: ScriptedService, kind: ClientKind) -> None:
    answer = Answer(text="A dog [1].", sentences=[], citations=[], refused=False, model="m", state=SearchState(), hits=[])
    sentence = {"text": "A dog [1].", "citations": [1], "cited": []}
    events = [encode("state", {}), encode("hits", {"hits": []}), encode("sentence", sentence)]
    service.on("/v1/ask", stream_of(*events, encode("done", answer.model_dump(mode="json"))))
    received: list[str] = []

    result = kind.call(service.url, "ask", "a dog?", on_sentence=lambda event: received.append(event.text))

    assert result == answer
    assert received == ["A dog [1]."]
    assert json.loads(service.requests[0].body)["stream"] is True


def test_ask_with_on_sentence_raises_the_error_of_an_event_and_of_an_early_end(
    service: ScriptedService, kind: ClientKind
) -> None:
    service.on("/v1/ask", stream_of(encode("state", {}), encode("error", documents.problem("unavailable", 503, "No engine."))))
    with pytest.raises(Unavailable, match="No engine"):
        kind.call(service.url, "ask", "a dog?", on_sentence=print)
    service.on("/v1/ask", stream_of(encode("state", {})))
    with pytest.raises(Unavailable, match=r"lost|ended before the answer was complete"):
        kind.call(service.url, "ask", "a dog?", on_sentence=print)
    service.on("/v1/ask", reply_with(400, documents.problem("invalid-input", 400, "The question is empty.")))
    with pytest.raises(InvalidInput, match="The question is empty"):
        kind.call(service.url, "ask", " ", on_sentence=print)
