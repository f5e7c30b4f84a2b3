"""Which retrieved moments answer a question, and why none does."""

from __future__ import annotations

from collections.abc import Sequence

from mm.answers.check import REASON_NOTHING
from mm.answers.describe import ALL_KINDS, CONTENT_KINDS, matches
from mm.answers.evidence import EvidenceMoment, Kind, sort_by_time
from mm.answers.library import Retrieved
from mm.answers.questions import Question
from mm.answers.words import correct_to_texts

NOT_STATED = "No text of a retrieved moment states the {}."
"""Why a question for an attribute is refused."""
NO_WORDS = {"said": "Nothing is said there: {} has no speech.", "read": "Nothing is written there: {} has no text."}
"""Why a question for the words of a moment is refused."""
_FIRST_WORDS = frozenset({
    "what", "which", "who", "whose", "when", "where", "why", "how", "is",
    "are", "was", "were", "does", "do", "did", "has", "have", "can",
})  # fmt: skip
"""First words of a question, which the name of a file does not answer."""
WORD_KINDS: dict[str, tuple[Kind, ...]] = {"said": ("speech",), "read": ("written",)}
"""Evidence that answers a question for words, by its kind."""


def find_kinds(question: Question, message: str) -> Sequence[Kind]:
    """The kinds of evidence that answer a question.

    One about words that are said or written is answered by speech or writing only. The name of a
    file answers which file it is, or a few words that are searched.
    """
    if question.kind in WORD_KINDS:
        return WORD_KINDS[question.kind]
    is_question = message.rstrip().endswith("?") or (message.lower().split() or [""])[0] in _FIRST_WORDS
    is_of_content = question.attribute is not None or (is_question and question.kind != "which_item")
    return CONTENT_KINDS if is_of_content else ALL_KINDS


def explain_refusal(question: Question, moment: EvidenceMoment) -> str:
    """Why a moment has no answer to a question about it."""
    if question.attribute is not None:
        return NOT_STATED.format(question.attribute.name)
    reason = NO_WORDS.get(question.kind)
    return REASON_NOTHING if reason is None else reason.format(f"this part of {moment.item}")


def select_matching(question: Question, retrieved: Retrieved, kinds: Sequence[Kind]) -> list[EvidenceMoment]:
    """The moments that answer a question without a model, by item and time.

    They match with calibrated certainty, or have all content words of the question, by evidence of
    these kinds.
    """
    texts = [piece.text for moment in retrieved.moments for piece in moment.evidence]
    query = correct_to_texts(question.text, texts)
    return sort_by_time(
        [
            moment
            for moment in retrieved.moments
            if matches(query, moment, kinds)
            or (moment.id in retrieved.likely and any(piece.kind in kinds for piece in moment.evidence[:1]))
        ]
    )
