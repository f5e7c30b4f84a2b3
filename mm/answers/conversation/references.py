"""What words such as 'the second one', 'there' and 'that' refer to in a conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.questions import Question
from mm.answers.search_state import SearchState
from mm.answers.words import correct_spelling, find_query_terms

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NUMERALS = {"1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "5th": 4, "6th": 5, "7th": 6, "8th": 7, "9th": 8, "10th": 9}
_WORD = re.compile(r"[a-z0-9]+")
_POINTING = frozenset(("it", "its", "that", "there", "this", "then", "here", "afterwards"))


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
    listed = next((state.listed for state in reversed(states) if len(state.listed) > 1), states[-1].listed)
    return listed[ordinal] if -len(listed) <= ordinal < len(listed) else None


def find_anchor(question: Question, message: str, states: Sequence[SearchState]) -> str | None:
    """The id of the earlier moment that a question is about; None for a question of its own.

    An ordinal counts the moments of the last answer that listed several. A question without
    content words of its own is about the selected moment.
    """
    if not states:
        return None
    rest = find_query_terms(question.text) - {*ORDINALS, *NUMERALS, "last", "number", "of"}
    if rest:
        return None
    ordinal = find_ordinal(message)
    if ordinal is not None and question.kind != "first":
        return find_listed(states, ordinal)
    is_pointing = bool(_POINTING & {*_WORD.findall(message.lower())}) or question.kind in ("after", "before", "said", "read")
    return states[-1].selected if is_pointing else None
