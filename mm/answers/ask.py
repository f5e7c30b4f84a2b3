"""From a question to an answer: exactly by code, by a model over a prompt, or by quotations."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.answer_text import parse_answer
from mm.answers.attributes import find_thing
from mm.answers.check import REASON_NOTHING, REASON_UNLIKELY
from mm.answers.conversation.apply import Span
from mm.answers.conversation.command import Operation
from mm.answers.conversation.interpret import Interpretation, interpret
from mm.answers.conversation.references import find_anchor, get_last_list, is_outside_list
from mm.answers.describe import CONTENT_KINDS, describe, describe_attribute, name_item, shares_word
from mm.answers.evidence import EvidenceMoment, Statement, Turn, sort_by_time
from mm.answers.exact import MAX_LISTED, count, describe_place, find_first, find_matching, find_neighbour
from mm.answers.library import Library, Retrieved
from mm.answers.overview import answer_overview, describe_item, is_about_item
from mm.answers.prompt import MAX_TOKENS, Prompt, build_prompt
from mm.answers.questions import Media, Question
from mm.answers.search_state import SearchState
from mm.answers.select import NOT_STATED, WORD_KINDS, explain_refusal, find_kinds, select_matching

MAX_MOMENTS = 8
"""Moments of a prompt."""
MAX_COUNTED = 50
"""Moments that are counted."""
MAX_QUOTED = 3
"""Moments that an answer without a model quotes."""
EXACT, EXTRACTIVE = "exact", "extractive"
REPLIES = {"talk": "All right.", "clear": "The search is cleared."}
"""Replies to commands that need no moment."""
NO_MEANING = {
    "earlier": "No moment is selected that something could come before.",
    "later": "No moment is selected that something could come after.",
    "back": "There is no earlier search to go back to.",
}
"""Why a command has no result."""
_ONLY_FILE = re.compile(r"only (?:in|from) (\S+\.\w{2,5})[.!]?", re.IGNORECASE)
"""A restriction to a file; its name is no item's when the library finds none in the message."""


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
    relevant: frozenset[str] = frozenset()
    """Ids of the moments of the prompt that are likely, or share a word with the question."""
    is_command: bool = False
    """Whether the message asks nothing of the library, as in 'the fifth one': its refusal is the
    reason alone."""


class Asker:
    """Prepares answers from one library."""

    def __init__(
        self,
        library: Library,
        count_tokens: Callable[[str], int],
        max_tokens: int = MAX_TOKENS,
        classify: Callable[[str], Operation] | None = None,
    ) -> None:
        """`classify` returns the operation of a message that the rules do not decide."""
        self._library = library
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._classify = classify
        self._retrieved: dict[tuple[SearchState, int, Media | None], Retrieved] = {}

    def prepare(self, message: str, rounds: Sequence[PastRound] = ()) -> Prepared:
        """Retrieve the moments for a message, and answer it as far as code can.

        Raises `TooLarge` when the message does not fit in a prompt.
        """
        named = self._library.find_items(message)
        last = rounds[-1].state if rounds else SearchState()
        if not named and (unknown := _ONLY_FILE.fullmatch(message.strip())) is not None:
            return _fail(last, f"No item is named {unknown[1]}; the search is unchanged.")
        if (found := answer_overview(message, named, last, self._library)) is not None:
            if found.question is not None:
                return self._search(found.question, found.question.text, found.state, rounds)
            return _decide(found.state, found.statements, EXACT, found.reason, selected=found.state.selected)
        past = [(entry.question, entry.state) for entry in rounds]
        meaning = interpret(message, past, named, self._locate, self._is_found, self._classify)
        if meaning.question is not None and meaning.state is not None:
            return self._answer(meaning.question, message, meaning.state, rounds)
        return replace(self._obey(meaning, rounds), is_command=True)

    def _obey(self, meaning: Interpretation, rounds: Sequence[PastRound]) -> Prepared:
        """The result of a command."""
        operation, state = meaning.command.operation, meaning.state
        last = rounds[-1].state if rounds else SearchState()
        if state is None:
            is_listed = operation == "select" and bool(rounds)
            reason = self._count_listed(rounds) if is_listed else NO_MEANING[operation]
            return _fail(last, reason)
        if operation in REPLIES:
            return Prepared(state, (Statement(REPLIES[operation]),), EXACT)
        if operation == "select" and state.selected is not None:
            found = self._retrieve(state, MAX_LISTED).moments if state.text else ()
            # A moment as the search found it begins with the evidence that matched.
            moments = [moment for moment in found if moment.id == state.selected] or self._library.get_moments([state.selected])
            return _decide(state, tuple(describe(moment, state.text) for moment in moments), EXACT, selected=state.selected)
        retrieved = self._retrieve(state, MAX_LISTED)
        statements = tuple(describe(moment, state.text) for moment in sort_by_time(find_matching(state.text, retrieved)))
        if not statements and operation in ("earlier", "later") and last.selected is not None:
            step = -1 if operation == "earlier" else 1
            statements = self._describe_neighbour(last.selected, step)
        reason = REASON_UNLIKELY if retrieved.moments else REASON_NOTHING
        return _decide(state, statements, EXTRACTIVE, reason, selected=state.selected)

    def _count_listed(self, rounds: Sequence[PastRound]) -> str:
        """How many moments can be selected, where the message names another."""
        number = len(get_last_list([entry.state for entry in rounds]))
        return f"The last list has {number or 'no'} moment{'' if number == 1 else 's'}."

    def _describe_neighbour(self, moment_id: str, step: int) -> tuple[Statement, ...]:
        neighbours = [self._library.find_neighbour(moment, step) for moment in self._library.get_moments([moment_id])]
        return tuple(describe(neighbour) for neighbour in neighbours if neighbour is not None)

    def _answer(self, question: Question, message: str, state: SearchState, rounds: Sequence[PastRound]) -> Prepared:
        states = [entry.state for entry in rounds]
        if len(state.items) == 1 and is_about_item(question, message):
            listed = self._library.list_between(state.items[0], 0.0, math.inf)
            statements, reason = describe_item(question, listed)
            return _decide(state, statements, EXACT, reason)
        anchor = find_anchor(question, message, states)
        moments = self._library.get_moments([anchor]) if anchor is not None else ()
        if state.items and moments and moments[0].source not in state.items:  # the question names another item
            moments = ()
        if moments:
            statements = self._describe_anchor(question, moments[0], states[-1].text)
            is_kept = not statements and (question.kind in WORD_KINDS or question.attribute is not None)
            reason = explain_refusal(question, moments[0])
            return _decide(states[-1], statements, EXACT, reason, selected=moments[0].id if is_kept else None)
        if is_outside_list(question, message, states):
            return _fail(states[-1], self._count_listed(rounds))
        if question.kind in ("at_time", "in_range", "in_scene") and state.items:
            reason = REASON_NOTHING if question.attribute is None else NOT_STATED.format(question.attribute.name)
            return _decide(state, describe_place(question, state.items[0], self._library), EXACT, reason)
        if question.kind in ("count", "count_items"):
            return _decide(state, count(question, self._retrieve(state, MAX_COUNTED, question.media), MAX_COUNTED), EXACT)
        if question.kind == "first":
            other = self._retrieve(replace(state, text=question.other), MAX_COUNTED)
            return _decide(state, find_first(question, self._retrieve(state, MAX_COUNTED), other), EXACT)
        if question.kind in ("after", "before"):
            matching = select_matching(question, self._retrieve(state, MAX_MOMENTS), CONTENT_KINDS)
            return _decide(state, find_neighbour(question, matching[0], self._library) if matching else (), EXACT)
        return self._search(question, message, state, rounds)

    def _search(self, question: Question, message: str, state: SearchState, rounds: Sequence[PastRound]) -> Prepared:
        retrieved = self._retrieve(state, MAX_MOMENTS, question.media)
        kinds = find_kinds(question, message)
        matching = select_matching(question, retrieved, kinds)
        relevant = retrieved.likely | frozenset(moment.id for moment in retrieved.moments if shares_word(question.text, moment))
        reason = REASON_UNLIKELY if retrieved.moments else REASON_NOTHING
        if question.attribute is not None:
            stated = [describe_attribute(moment, question.attribute) for moment in matching]
            statements = tuple(statement for statement in stated if statement is not None)[:MAX_QUOTED]
            relevant &= {cite for statement in statements for cite in statement.cites}
            reason = NOT_STATED.format(question.attribute.name) if retrieved.moments else reason
        elif question.kind == "which_item":
            statements = tuple(name_item(moment, question.text) for moment in matching[:MAX_QUOTED])
        else:
            statements = tuple(describe(moment, question.text, kinds) for moment in matching[:MAX_QUOTED])
        prompt = self._build_prompt(message, retrieved.moments, rounds) if retrieved.moments else None
        refusal = None if statements else reason
        return Prepared(list_cited(state, list_cites(statements)), statements, EXTRACTIVE, refusal, prompt, relevant)

    def _describe_anchor(self, question: Question, moment: EvidenceMoment, searched: str) -> tuple[Statement, ...]:
        """The answer to a question about a moment that it refers to; `searched` found it."""
        if question.attribute is not None:
            stated = describe_attribute(moment, replace(question.attribute, thing=find_thing(searched)))
            return () if stated is None else (stated,)
        if question.kind in ("after", "before"):
            return find_neighbour(question, moment, self._library)
        if question.kind in WORD_KINDS:
            kinds = WORD_KINDS[question.kind]
            return (describe(moment, "", kinds),) if any(moment.get_text(kind) for kind in kinds) else ()
        if question.kind == "which_item":
            return (Statement(f"It is from {moment.item}.", (moment.id,)),)
        return (describe(moment, question.text),)

    def _retrieve(self, state: SearchState, limit: int, media: Media | None = None) -> Retrieved:
        """The moments of a state; a search of the same conditions is made once."""
        key = replace(state, listed=(), selected=None), limit, media
        if key not in self._retrieved:
            self._retrieved[key] = self._library.search(*key)
        return self._retrieved[key]

    def _locate(self, moment_id: str) -> Span | None:
        moments = self._library.get_moments([moment_id])
        return Span(moments[0].source, moments[0].start, moments[0].end) if moments else None

    def _is_found(self, state: SearchState, moment_id: str) -> bool:
        """Whether a moment that a state finds overlaps another one."""
        place = self._locate(moment_id)
        return place is not None and any(
            moment.source == place.item and moment.start <= place.end and moment.end >= place.start
            for moment in self._retrieve(state, MAX_LISTED).moments
        )

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


def list_cites(statements: Sequence[Statement]) -> tuple[str, ...]:
    """The ids of the moments that statements cite, in the order of their numbers."""
    return tuple(dict.fromkeys(cite for statement in statements for cite in statement.cites))


def list_cited(state: SearchState, listed: tuple[str, ...]) -> SearchState:
    """The state after an answer that cites these moments, by number; a single one is selected."""
    return replace(state, listed=listed, selected=listed[0] if len(listed) == 1 else None)


def _fail(last: SearchState, reason: str) -> Prepared:
    """A command that has no meaning after the last state, which stays."""
    return Prepared(replace(last, listed=()), (), EXACT, reason, is_command=True)


def _decide(
    state: SearchState,
    statements: tuple[Statement, ...],
    author: str,
    reason: str = REASON_NOTHING,
    *,
    selected: str | None = None,
) -> Prepared:
    state = list_cited(state, list_cites(statements))
    state = state if selected is None else replace(state, selected=selected)
    return Prepared(state, statements, author, None if statements else reason)
