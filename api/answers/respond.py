"""Composes an answer from retrieved moments and sentences that cite them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from api.answers.library import SearchLibrary
from api.metadata import check_conditions
from mm.answers.answer_text import format_sentence
from mm.answers.ask import EXACT, EXTRACTIVE, Asker, PastRound, Prepared, list_cited
from mm.answers.conversation.intents import IntentClassifier
from mm.answers.describe import find_best_evidence
from mm.answers.evidence import REFUSAL
from mm.answers.handles import Handle
from mm.answers.prompt import estimate_tokens
from mm.answers.search_state import SearchState
from mm.errors import InvalidInput, TooLarge
from mm.schemas import Answer, AskRequest, Citation, CitedSentence, SentenceEvent
from mm.schemas import SearchState as SearchStateModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from mm.answers.evidence import Evidence, EvidenceMoment, Statement
    from mm.schemas import EvidenceKind, Step
    from mm.settings import Settings

ANSWER_CHARS = 20_000
"""Longest answer of an earlier round."""
_STATE = TypeAdapter(SearchState)


def validate_question(request: AskRequest, settings: Settings) -> None:
    """Raise `InvalidInput` for an empty question, `TooLarge` for a text that is too long."""
    if not request.query.strip():
        raise InvalidInput("The question is empty.")
    if (length := len(request.query)) > settings.query_chars:
        raise TooLarge(f"The question has {length:,} characters; the maximum is {settings.query_chars:,} (MM_QUERY_CHARS).")
    for past in request.conversation:
        if len(past.query) > settings.query_chars or len(past.answer) > ANSWER_CHARS:
            raise TooLarge(
                f"A round of the conversation has a question of more than {settings.query_chars:,} characters (MM_QUERY_CHARS) "
                f"or an answer of more than {ANSWER_CHARS:,}."
            )


def prepare_answer(service: Service, request: AskRequest) -> AnswerComposer:
    """Retrieve the moments, and answer as far as code can. Blocks.

    Raises `NotFound` for an unknown item, `InvalidInput`, `TooLarge`, `Unavailable`.
    """
    check_conditions(service.settings, request.filters)
    service.library.require_items([*request.items, *request.filters.items])
    library = SearchLibrary(service, request.filters, request.items)
    rounds = [
        PastRound(past.query, past.answer, _STATE.validate_python(past.state.model_dump())) for past in request.conversation
    ]
    classifier = IntentClassifier(lambda texts: service.space.sentences.embed(texts))
    prepared = Asker(library, estimate_tokens, classify=classifier.classify).prepare(request.query, rounds)
    return AnswerComposer(library, prepared, request.query)


@dataclass
class AnswerComposer:
    """Numbers the moments that sentences cite, in the order of their first citation."""

    library: SearchLibrary
    prepared: Prepared
    query: str
    heard: str | None = None
    """The words of a spoken question."""
    steps: list[Step] = field(default_factory=list)
    """The tool calls of an agent."""
    _sentences: list[SentenceEvent] = field(default_factory=list)
    _citations: list[Citation] = field(default_factory=list)
    _number_of: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> SearchStateModel:
        return _serialize_state(self.prepared.state)

    def add(self, statement: Statement) -> SentenceEvent:
        """Add a sentence. Reads the moments that it cites first, and blocks meanwhile."""
        known = len(self._citations)
        new = [cite for cite in statement.cites if cite not in self._number_of]
        for moment in self.library.get_moments(new):
            self._number_of[moment.id] = len(self._citations) + 1
            self._citations.append(self._cite(moment, len(self._citations) + 1))
        numbers = [self._number_of[cite] for cite in statement.cites if cite in self._number_of]
        event = SentenceEvent(text=format_sentence(statement.text, numbers), citations=numbers, cited=self._citations[known:])
        self._sentences.append(event)
        return event

    def finish(self, author: str, reason: str | None, notes: Sequence[str] = ()) -> Answer:
        """The whole answer of the sentences that were added; without any it is a refusal.

        The text of the refusal of a command is its reason.

        Its state lists the moments that the sentences cite. Where code has answered, the prepared
        state has a selection already, which is kept.
        """
        state, listed = self.prepared.state, tuple(self._number_of)
        if author not in (EXACT, EXTRACTIVE):
            state = list_cited(state, listed)
        elif listed:
            state = replace(state, listed=listed)
        refusal = reason if self.prepared.is_command and reason else REFUSAL
        return Answer(
            text=" ".join(sentence.text for sentence in self._sentences) or refusal,
            sentences=[CitedSentence(text=sentence.text, citations=sentence.citations) for sentence in self._sentences],
            citations=self._citations,
            refused=not self._sentences,
            reason=reason if not self._sentences else None,
            model=author,
            state=_serialize_state(state),
            hits=self.library.hits,
            notes=[*self.library.notes, *notes],
            steps=self.steps,
            heard=self.heard,
        )

    def _cite(self, moment: EvidenceMoment, number: int) -> Citation:
        handle, item = Handle.parse(moment.id), self.library.get_item(moment.source)
        assert handle is not None, "the moments of a library have handles"
        assert item is not None, "the library returns moments of items that exist"
        best = find_best_evidence(moment, self.prepared.state.text)
        return Citation(
            n=number,
            item_id=handle.item_id,
            segment_id=moment.id,
            name=item.name,
            media=f"/v1/media/{handle.item_id}/content",
            start=handle.start,
            end=handle.end,
            kind=item.kind,
            evidence=_name_evidence(best),
            text=None if best is None else best.text or None,
        )


def _name_evidence(best: Evidence | None) -> EvidenceKind:
    """The kind of a piece of evidence in the API; the text about an image is its caption."""
    if best is None or best.kind == "picture":
        return "caption" if best is not None and best.text else "picture"
    return best.kind


def _serialize_state(state: SearchState) -> SearchStateModel:
    return SearchStateModel.model_validate(asdict(state))
