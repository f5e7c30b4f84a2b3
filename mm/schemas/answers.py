"""Questions to the library, and answers whose sentences cite moments."""

from __future__ import annotations

from pydantic import Field, JsonValue

from mm.schemas.base import Model
from mm.schemas.media import Kind
from mm.schemas.search import EvidenceKind, Filters, Hit

MAX_ROUNDS = 15
"""Earlier rounds of a conversation in one request."""
MAX_CONDITIONS = 8
"""Texts of `also` and of `without`, each."""


class SearchState(Model):
    """What a conversation searches for; all conditions hold at once.

    Moments are named by handles, `ITEM@START-END` with times in seconds.
    """

    text: str = Field("", description="The query; empty before the first one.")
    also: list[str] = Field([], max_length=MAX_CONDITIONS, description="What a moment must show besides.")
    without: list[str] = Field([], max_length=MAX_CONDITIONS, description="What a moment must not show.")
    items: list[str] = Field([], max_length=100, description="Ids of the only items searched; empty for all.")
    before: float | None = Field(None, ge=0, allow_inf_nan=False, description="Moments end at or before this time, in seconds.")
    after: float | None = Field(None, ge=0, allow_inf_nan=False, description="Moments start at or after this time.")
    selected: str | None = Field(None, description="Handle of the moment that `it` and `there` mean.")
    listed: list[str] = Field([], max_length=100, description="Handles of the moments that the answer cites, by number.")


class Round(Model):
    """An earlier round of a conversation, as the service returned it."""

    query: str
    answer: str = Field(description="`text` of the answer.")
    state: SearchState


class AskRequest(Model):
    """A question or an instruction, such as `only in talk.mp4`, `without the dog` or `go back`."""

    query: str
    filters: Filters = Field(Filters(), description="Restricts all rounds to some items, as in a search.")
    items: list[str] = Field([], max_length=100, description="Only these items, in addition to `filters`; empty for all.")
    conversation: list[Round] = Field([], max_length=MAX_ROUNDS, description="The rounds before, oldest first.")
    agent: bool = Field(
        False, description="Whether the model searches, counts and describes in several steps (MM_AGENT_STEPS) before it answers."
    )
    max_tokens: int = Field(256, ge=1, le=2048, description="Maximum tokens of the answer.")
    stream: bool = Field(False, description="Server-sent events in place of one document.")


class CitedSentence(Model):
    """A sentence of an answer, and the numbers of the moments that it cites."""

    text: str
    citations: list[int]


class Citation(Model):
    """A moment that an answer cites; start and end are equal for an image."""

    n: int = Field(ge=1, description="Its number in the text, as in `[1]`.")
    item_id: str
    segment_id: str = Field(description="Handle of the moment.")
    name: str = Field(description="File name of the item.")
    media: str = Field(description="Path of the stored file, relative to the address of the service.")
    start: float
    end: float
    kind: Kind
    evidence: EvidenceKind = Field(description="Kind of the evidence in `text`.")
    text: str | None = Field(None, description="The evidence; null for an image without a caption.")


class Step(Model):
    """A tool that an agent called, and its result."""

    tool: str
    arguments: dict[str, JsonValue]
    result: str = Field(description="As the model reads it.")
    error: str | None = Field(None, description="Why the call failed; the model may correct it.")
    seconds: float = Field(ge=0)


class Answer(Model):
    """An answer from the library. Every citation is of a moment that was retrieved."""

    text: str = Field(
        description="The sentences with their citations, as in `A dog runs [1].`; of a command without a result, the reason."
    )
    sentences: list[CitedSentence]
    citations: list[Citation] = Field(description="By number.")
    refused: bool = Field(description="Whether the retrieved moments do not hold an answer.")
    reason: str | None = Field(None, description="Why the answer is refused.")
    model: str = Field(description="What wrote the sentences: a model, `extractive` (quotes) or `exact` (counted or looked up).")
    state: SearchState = Field(description="To be sent back in the next round.")
    hits: list[Hit] = Field(description="Best hits of the search, as `/v1/search` returns them.")
    notes: list[str] = Field(default=[], description="What could not be taken into account.")
    steps: list[Step] = Field(default=[], description="The tool calls of an agent, in their order.")
    heard: str | None = Field(None, description="The recognized words of a spoken question.")


class SummaryRequest(Model):
    """The item to summarize."""

    item_id: str
    stream: bool = Field(False, description="Server-sent events in place of one document.")


class Chapter(Model):
    """A part of an item with one sentence about it."""

    start: float
    end: float
    title: str
    text: str


class Summary(Model):
    """The chapters of an item, and one paragraph about all of it."""

    item_id: str
    text: str
    chapters: list[Chapter]
    model: str = Field(description="What wrote the paragraph: a model, or `extractive`.")
    notes: list[str] = Field(default=[])


class SentenceEvent(Model):
    """One sentence of an answer while it is written, with the moments that it cites first."""

    text: str = Field(description="The sentence with its citations.")
    citations: list[int]
    cited: list[Citation] = Field(description="The moments with numbers that no earlier sentence has.")


class HitsEvent(Model):
    """The hits of an answer that is being written."""

    hits: list[Hit]


class HeardEvent(Model):
    """The recognized words of a spoken question, before it is answered."""

    text: str
