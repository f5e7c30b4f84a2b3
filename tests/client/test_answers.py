"""Questions and summaries, with both clients."""

from __future__ import annotations

import json

import pytest

from mm.errors import NotFound
from mm.schemas import Answer, Filters, Round, SearchState, Summary
from tests.client import documents
from tests.client.conftest import ClientKind, ScriptedService, reply_with


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
