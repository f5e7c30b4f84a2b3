"""What words such as 'the second one', 'there' and 'that' refer to in a conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.questions import Question
from mm.answers.search_state import SearchState
from mm.answers.words import correct_spelling, find_query_terms

ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth",
    "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
NUMERALS = {f"{n}{'th' if n % 100 in (11, 12, 13) else _ENDINGS.get(n % 10, 'th')}": n - 1 for n in range(1, 101)}
_WORD = re.compile(r"[a-z0-9]+")
POINTING = frozenset(("it", "its", "that", "there", "this", "then", "here", "afterwards"))


def find_ordinal(message: str) -> int | None:
    """Position from 0 that a message names, as in 'the second one' or '2nd'; -1 for the last."""
    words = _WORD.findall(correct_spelling(message, frozenset(ORDINALS)).lower())
    for index, word in enumerate(words):
        if word in ORDINALS:
            return ORDINALS.index(word)
        if word in NUMERALS:
            return NUMERALS[word]
        if word == "last":
            return -1
        if word in ("number", "no", "nr") and index + 1 < len(words) and words[index + 1].isdigit():
            return int(words[index + 1]) - 1
    return None


def find_listed(states: Sequence[SearchState], ordinal: int) -> str | None:
    """The id of the moment at a position of the last list with several; None outside of it."""
    listed = get_last_list(states)
    return listed[ordinal] if -len(listed) <= ordinal < len(listed) else None


def get_last_list(states: Sequence[SearchState]) -> tuple[str, ...]:
    """The ids of the moments of the last list with several, of which ordinals count."""
    return next((state.listed for state in reversed(states) if len(state.listed) > 1), states[-1].listed)


def is_outside_list(question: Question, message: str, states: Sequence[SearchState]) -> bool:
    """Whether a question is about a position of the last list that the list does not have."""
    ordinal = find_ordinal(message)
    if not states or ordinal is None or question.kind == "first" or _has_own_words(question):
        return False
    return find_listed(states, ordinal) is None


def find_anchor(question: Question, message: str, states: Sequence[SearchState]) -> str | None:
    """The id of the earlier moment that a question is about; None for a question of its own.

    An ordinal counts the moments of the last answer that listed several. A question without
    content words of its own is about the selected moment.
    """
    if not states or _has_own_words(question):
        return None
    ordinal = find_ordinal(message)
    if ordinal is not None and question.kind != "first":
        return find_listed(states, ordinal)
    is_pointing = bool(POINTING & {*_WORD.findall(message.lower())}) or question.kind in ("after", "before", "said", "read")
    return states[-1].selected if is_pointing else None


def _has_own_words(question: Question) -> bool:
    return bool(find_query_terms(question.text) - {*ORDINALS, *NUMERALS, "last", "number", "of"})
