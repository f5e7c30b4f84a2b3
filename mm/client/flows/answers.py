"""Questions to the library, and summaries of its items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mm.client.responses import parse_body, parse_error, parse_event
from mm.client.steps import SILENCE_SECONDS, Close, Flow, OpenStream, ReadLine, Send, Stream
from mm.errors import Unavailable
from mm.schemas import Answer, AskRequest, Filters, Round, SentenceEvent, Summary, SummaryRequest

PATH, OK = "/v1/ask", 200


def ask(
    query: str,
    *,
    conversation: Sequence[Round] = (),
    filters: Filters | None = None,
    items: Sequence[str] = (),
    max_tokens: int = 256,
    on_sentence: Callable[[SentenceEvent], None] | None = None,
) -> Flow[Answer]:
    """Ask the library a question; returns sentences that cite moments, or a refusal.

    `conversation` has the rounds before, oldest first, at most 15: `Round(query=question,
    answer=answer.text, state=answer.state)`. `on_sentence` receives each sentence as it is written;
    leaving the call early cancels the rest. Raises `InvalidInput`, `NotFound` for an unknown item,
    `TooLarge`, `TooMany`, `GenerationFailed`, `Unavailable`, and `GenerationInterrupted` for a
    request that may be sent again.
    """
    request = AskRequest.model_construct(
        query=query,
        conversation=list(conversation),
        filters=filters or Filters(),
        items=list(items),
        max_tokens=max_tokens,
    )
    body = request.model_dump(mode="json")
    if on_sentence is None:
        return parse_body((yield from Send("POST", PATH, json=body)), Answer)
    stream = yield from OpenStream(PATH, {}, SILENCE_SECONDS, json={**body, "stream": True})
    try:
        if stream.response.status != OK:
            raise parse_error(stream.response)
        while True:
            name, data = yield from _read_event(stream)
            if name == "sentence":
                on_sentence(parse_event(data, SentenceEvent, stream.response.url))
            elif name == "error":
                raise parse_error(replace(stream.response, status=500, body=data.encode()))
            elif name == "done":
                return parse_event(data, Answer, stream.response.url)
    finally:
        yield from Close(stream)


def _read_event(stream: Stream) -> Flow[tuple[str, str]]:
    """The name and the data of the next event. Raises `Unavailable` at the end of the stream."""
    name = data = ""
    while True:
        line = yield from ReadLine(stream)
        if line is None:
            raise Unavailable(f"The stream of {stream.response.url} ended before the answer was complete.")
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data = line.removeprefix("data:").strip()
        elif line == "" and name:
            return name, data


def summarize(item_id: str) -> Flow[Summary]:
    """Summarize an item: chapters with a sentence each, and a paragraph.

    Raises `NotFound`, `Conflict` for an item that is not ready, `Unavailable`.
    """
    request = SummaryRequest.model_construct(item_id=item_id)
    return parse_body((yield from Send("POST", "/v1/summaries", json=request.model_dump(mode="json"))), Summary)
