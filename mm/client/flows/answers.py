"""Questions to the library, and summaries of its items."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.responses import parse_body
from mm.client.steps import Flow, Send
from mm.schemas import Answer, AskRequest, Filters, Round, Summary, SummaryRequest


def ask(
    query: str,
    *,
    conversation: Sequence[Round] = (),
    filters: Filters | None = None,
    items: Sequence[str] = (),
    max_tokens: int = 256,
) -> Flow[Answer]:
    """Ask the library a question; returns sentences that cite moments, or a refusal.

    `conversation` has the rounds before, oldest first, at most 15: `Round(query=question,
    answer=answer.text, state=answer.state)`. Raises `InvalidInput`, `TooLarge`, `TooMany`,
    `Unavailable`.
    """
    request = AskRequest.model_construct(
        query=query,
        conversation=list(conversation),
        filters=filters or Filters(),
        items=list(items),
        max_tokens=max_tokens,
    )
    return parse_body((yield from Send("POST", "/v1/ask", json=request.model_dump(mode="json"))), Answer)


def summarize(item_id: str) -> Flow[Summary]:
    """Summarize an item: chapters with a sentence each, and a paragraph.

    Raises `NotFound`, `Conflict` for an item that is not ready, `Unavailable`.
    """
    request = SummaryRequest.model_construct(item_id=item_id)
    return parse_body((yield from Send("POST", "/v1/summaries", json=request.model_dump(mode="json"))), Summary)
