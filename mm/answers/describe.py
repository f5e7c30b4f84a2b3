"""Sentences about a moment from its evidence, and whether the evidence matches a query by words."""

from __future__ import annotations

from collections.abc import Sequence

from mm.answers.evidence import Evidence, EvidenceMoment, Kind, Statement
from mm.answers.words import find_query_terms, find_terms

ALL_KINDS: tuple[Kind, ...] = ("picture", "speech", "written", "sound", "name")
MAX_QUOTE_CHARS = 200
"""Longest quotation of speech or writing in a sentence."""
_PATTERNS: dict[Kind, str] = {
    "picture": "{text}.",
    "speech": 'Someone says: "{text}".',
    "written": 'It reads: "{text}".',
    "sound": "The sound is: {text}.",
    "name": "The file is named {text}.",
}


def describe(moment: EvidenceMoment, query: str = "", kinds: Sequence[Kind] = ALL_KINDS) -> Statement:
    """A sentence about a moment from the piece of evidence that has most words of the query.

    Of equal ones it is the first, which is the strongest; without a query, the first with a text
    that is not the name of the file. Evidence without a text is of an image that has no caption:
    the sentence then states only that the item shows what was searched. A quotation loses its
    final period and commas, since the sentence has a period of its own.
    """
    best = find_best_evidence(moment, query, kinds)
    if best is None or not best.text.strip():
        text = f"{moment.item} shows it." if query else f"This part of {moment.item} has no speech, text or caption."
        return Statement(text, (moment.id,))
    text = " ".join(best.text.split())
    if best.kind == "picture":
        text = text.rstrip(".")
    elif len(text) > MAX_QUOTE_CHARS:
        text = f"{text[:MAX_QUOTE_CHARS].rsplit(' ', 1)[0]} ..."
    elif best.kind in ("speech", "written"):
        text = text.rstrip(" .,") or text
    return Statement(_PATTERNS[best.kind].format(text=text.replace('"', "'")), (moment.id,))


def find_best_evidence(moment: EvidenceMoment, query: str = "", kinds: Sequence[Kind] = ALL_KINDS) -> Evidence | None:
    """The piece of evidence with most words of a query, the strongest of equal ones.

    Without a query, the strongest with a text that is not the name of the file.
    """
    terms = find_query_terms(query)
    pieces = [piece for piece in moment.evidence if piece.kind in kinds]
    if not query:
        pieces = [piece for piece in pieces if piece.text.strip() and piece.kind != "name"] or pieces
    return max(pieces, key=lambda piece: len(terms & find_terms([piece.text])), default=None)


def matches(query: str, moment: EvidenceMoment, kinds: Sequence[Kind] = ALL_KINDS) -> bool:
    """Whether one piece of evidence has all content words of a query, of which there is one."""
    terms = find_query_terms(query)
    return bool(terms) and any(terms <= find_terms([piece.text]) for piece in moment.evidence if piece.kind in kinds)


def shares_word(query: str, moment: EvidenceMoment) -> bool:
    """Whether the evidence of a moment has one of the content words of a query."""
    return bool(find_query_terms(query) & find_terms([piece.text for piece in moment.evidence]))


def name_item(moment: EvidenceMoment, query: str) -> Statement:
    """Which item a moment is from: `talk.mp4 shows that: A dog runs.`"""
    text = describe(moment, query).text
    return Statement(f"{moment.item} shows that: {text}" if text != f"{moment.item} shows it." else text, (moment.id,))
