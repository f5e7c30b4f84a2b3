"""From a question to an answer: exactly by code, by a model over a prompt, or by quotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.answer_text import parse_answer
from mm.answers.check import REASON_NOTHING, REASON_UNLIKELY
from mm.answers.describe import ALL_KINDS, describe, matches, name_item
from mm.answers.evidence import EvidenceMoment, Kind, Statement, Turn, sort_by_time
from mm.answers.exact import count, describe_place, find_first, find_neighbour
from mm.answers.library import Library, Retrieved
from mm.answers.prompt import MAX_TOKENS, Prompt, build_prompt
from mm.answers.questions import Question, parse_question
from mm.answers.references import find_anchor
from mm.answers.search_state import SearchState

MAX_MOMENTS = 8
"""Moments of a prompt."""
MAX_COUNTED = 50
"""Moments that are counted."""
MAX_QUOTED = 3
"""Moments that an answer without a model quotes."""
EXACT, EXTRACTIVE = "exact", "extractive"
_WORD_KINDS: dict[str, tuple[Kind, ...]] = {"said": ("speech",), "read": ("written",)}


@dataclass(frozen=True, slots=True)
class PastRound:
    """An earlier round of a conversation."""

    question: str
    answer: str
    """Its text with citations, whose numbers count `state.listed` from 1."""
    state: SearchState


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before a model writes: the answer without one, and the prompt for one."""

    state: SearchState
    statements: tuple[Statement, ...]
    """The answer by code or by quotations; empty for a refusal."""
    author: str
    """`exact` or `extractive`."""
    reason: str | None = None
    """Why it is a refusal."""
    prompt: Prompt | None = None
    """For a model, which writes the answer in place of the quotations; None for an exact answer."""


class Asker:
    """Prepares answers from one library."""

    def __init__(self, library: Library, count_tokens: Callable[[str], int], max_tokens: int = MAX_TOKENS) -> None:
        self._library = library
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens

    def prepare(self, message: str, rounds: Sequence[PastRound] = ()) -> Prepared:
        """Retrieve the moments for a message, and answer it as far as code can.

        Raises `TooLarge` when the message does not fit in a prompt.
        """
        state = rounds[-1].state if rounds else SearchState()
        names = self._library.find_items(message)
        question = parse_question(message, [name for name, _ in names])
        items = tuple(key for _, key in names) or state.items
        anchor = find_anchor(question, message, [past.state for past in rounds])
        if anchor is not None:
            prepared = self._answer_about(question, anchor, state)
            if prepared is not None:
                return prepared
        state = SearchState(text=question.text or message.strip(), items=items)
        if names and question.kind in ("at_time", "in_range", "in_scene"):
            return _decide(state, describe_place(question, items[0], self._library), EXACT)
        if question.kind in ("count", "count_items"):
            return _decide(state, count(question, self._library.search(state, MAX_COUNTED), MAX_COUNTED), EXACT)
        if question.kind == "first":
            other = self._library.search(replace(state, text=question.other), MAX_COUNTED)
            return _decide(state, find_first(question, self._library.search(state, MAX_COUNTED), other), EXACT)
        if question.kind in ("after", "before"):
            matching = select_matching(question, self._library.search(state, MAX_MOMENTS))
            return _decide(state, find_neighbour(question, matching[0], self._library) if matching else (), EXACT)
        return self._search(question, message, state, rounds)

    def _search(self, question: Question, message: str, state: SearchState, rounds: Sequence[PastRound]) -> Prepared:
        retrieved = self._library.search(state, MAX_MOMENTS)
        matching = select_matching(question, retrieved)[:MAX_QUOTED]
        kinds = _WORD_KINDS.get(question.kind, ALL_KINDS)
        if question.kind == "which_item":
            statements = tuple(name_item(moment, question.text) for moment in matching)
        else:
            statements = tuple(describe(moment, question.text, kinds) for moment in matching)
        reason = None if statements else REASON_UNLIKELY if retrieved.moments else REASON_NOTHING
        prompt = self._build_prompt(message, retrieved.moments, rounds) if retrieved.moments else None
        return Prepared(list_cited(state, statements), statements, EXTRACTIVE, reason, prompt)

    def _answer_about(self, question: Question, anchor: str, state: SearchState) -> Prepared | None:
        """Answer a question about a moment that it refers to; None when the moment is gone."""
        (moment, *_) = [*self._library.get_moments([anchor]), None]
        if moment is None:
            return None
        if question.kind in ("after", "before"):
            statements = find_neighbour(question, moment, self._library)
        elif question.kind in _WORD_KINDS:
            kinds = _WORD_KINDS[question.kind]
            statements = (describe(moment, "", kinds),) if any(moment.get_text(kind) for kind in kinds) else ()
        elif question.kind == "which_item":
            statements = (Statement(f"It is from {moment.item}.", (moment.id,)),)
        else:
            statements = (describe(moment, question.text),)
        return _decide(state, statements, EXACT)

    def _build_prompt(self, message: str, moments: Sequence[EvidenceMoment], rounds: Sequence[PastRound]) -> Prompt:
        turns = [make_turn(past) for past in rounds]
        cited = [cite for turn in turns for statement in turn.answer for cite in statement.cites]
        present = {moment.id for moment in moments}
        earlier = self._library.get_moments([cite for cite in dict.fromkeys(cited) if cite not in present])
        return build_prompt(
            [*moments, *earlier[-MAX_MOMENTS:]], message, turns, count_tokens=self._count_tokens, max_tokens=self._max_tokens
        )


def make_turn(past: PastRound) -> Turn:
    """An earlier round with the ids of the moments that its numbers mean."""
    listed = past.state.listed
    sentences = parse_answer(past.answer).sentences
    answer = tuple(
        Statement(sentence.text, tuple(listed[number - 1] for number in sentence.citations if 0 < number <= len(listed)))
        for sentence in sentences
    )
    return Turn(past.question, answer or (Statement(past.answer),))


def select_matching(question: Question, retrieved: Retrieved) -> list[EvidenceMoment]:
    """The moments that answer a question without a model, by item and time.

    They match with calibrated certainty, or have all content words of the question. A question
    about words that are said or written is answered by speech or writing only.
    """
    kinds = _WORD_KINDS.get(question.kind, ALL_KINDS)
    return sort_by_time(
        [
            moment
            for moment in retrieved.moments
            if matches(question.text, moment, kinds)
            or (moment.id in retrieved.likely and any(piece.kind in kinds for piece in moment.evidence[:1]))
        ]
    )


def list_cited(state: SearchState, statements: Sequence[Statement]) -> SearchState:
    """The state after an answer: the moments that it cites, by number; a single one is selected."""
    listed = tuple(dict.fromkeys(cite for statement in statements for cite in statement.cites))
    return replace(state, listed=listed, selected=listed[0] if len(listed) == 1 else None)


def _decide(state: SearchState, statements: tuple[Statement, ...], author: str) -> Prepared:
    return Prepared(list_cited(state, statements), statements, author, None if statements else REASON_NOTHING)
