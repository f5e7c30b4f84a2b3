"""Sentences about a moment from its evidence, and whether the evidence matches a query by words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.answers.attributes import Attribute, is_object_name
from mm.answers.evidence import Evidence, EvidenceMoment, Kind, Statement
from mm.answers.words import find_query_terms, find_terms

CONTENT_KINDS: tuple[Kind, ...] = ("picture", "speech", "written", "sound")
"""What answers a question about the content of an item; the name of its file does not."""
ALL_KINDS: tuple[Kind, ...] = (*CONTENT_KINDS, "name")
MAX_QUOTE_CHARS = 200
"""Longest quotation of speech or writing in a sentence."""
MAX_NAMED_WORDS = 8
"""Words of a query that a sentence repeats, at most."""
_VERBS = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "it",
        "they",
        "he",
        "she",
        "i",
        "you",
        "we",
        "my",
        "your",
    ]
)
"""Words of a query that is no phrase of a thing."""
_MASS = frozenset(["coffee", "tea", "water", "milk", "beer", "wine", "snow", "ice", "sand", "grass", "food", "bread", "hair"])
"""Names of things that are not counted, which have no indefinite article."""
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
    the sentence then states only that the item shows what was searched.
    """
    best = find_best_evidence(moment, query, kinds)
    if best is None or not best.text.strip():
        text = state_shown(moment, query) if query else f"This part of {moment.item} has no speech, text or caption."
        return Statement(text, (moment.id,))
    return quote(moment, best)


def describe_attribute(moment: EvidenceMoment, attribute: Attribute) -> Statement | None:
    """A sentence from the first evidence that states an attribute; None when no text states it."""
    pieces = (piece for piece in moment.evidence if piece.kind in CONTENT_KINDS)
    stated = next((piece for piece in pieces if attribute.is_stated_in(piece.text)), None)
    return None if stated is None else quote(moment, stated)


def quote(moment: EvidenceMoment, best: Evidence) -> Statement:
    """A sentence with a piece of evidence that has a text.

    A quotation loses its final period and commas, since the sentence has a period of its own.
    """
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

    Without a query, the strongest with a text that is not the name of the file. With one, the name
    counts only when it is the strongest of all: what else was found is of the content.
    """
    terms = find_query_terms(query)
    pieces = [piece for piece in moment.evidence if piece.kind in kinds]
    if any(piece.kind != "name" for piece in moment.evidence[:1]):
        pieces = [piece for piece in pieces if piece.kind != "name"]
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
    return Statement(text if text == state_shown(moment, query) else f"{moment.item} shows that: {text}", (moment.id,))


def state_shown(moment: EvidenceMoment, query: str) -> str:
    """That an item shows the thing of a query: `ride.mp4 shows a motorcycle.`

    A query that is not a short phrase of a thing is not repeated: `ride.mp4 shows it.`
    """
    words = re.sub(r"[?!.,;:]+", " ", query.lower()).split()
    article = words[0] if words[:1] and words[0] in ("a", "an", "the") else ""
    is_object = all(is_object_name(word) for word in words[bool(article) :])
    if len(words) > MAX_NAMED_WORDS or _VERBS & set(words) or not (article or is_object) or len(words) == bool(article):
        return f"{moment.item} shows it."
    if article in ("", "the") and is_object and not words[-1].endswith("s") and words[-1] not in _MASS:
        words = ["an" if words[bool(article)][0] in "aeiou" else "a", *words[bool(article) :]]
    return f"{moment.item} shows {' '.join(words)}."
