"""Answers that code finds without a model: counts, orders, and what is at a place of an item."""

from __future__ import annotations

from collections.abc import Sequence

from mm.answers.describe import ALL_KINDS, CONTENT_KINDS, describe, describe_attribute, matches
from mm.answers.evidence import EvidenceMoment, Kind, Statement, sort_by_time
from mm.answers.library import Library, Retrieved
from mm.answers.questions import Media, Question
from mm.answers.words import correct_to_texts

EXACT_KINDS = frozenset(("count", "count_items", "after", "before", "first", "at_time", "in_range", "in_scene"))
MEDIA_NOUNS: dict[Media, str] = {"video": "video", "image": "image", "audio": "audio file"}
MAX_LISTED = 8
"""Moments that one answer lists."""
MAX_NAMED = 5
"""Items that an answer names."""


def find_matching(question_text: str, retrieved: Retrieved, kinds: Sequence[Kind] = ALL_KINDS) -> list[EvidenceMoment]:
    """The moments that match a query by evidence of some kinds.

    They are the likely ones whose strongest evidence is of these kinds, and those with evidence
    that has all words of the query.
    """
    texts = [piece.text for moment in retrieved.moments for piece in moment.evidence]
    question_text = correct_to_texts(question_text, texts)
    return [
        moment
        for moment in retrieved.moments
        if (moment.id in retrieved.likely and all(piece.kind in kinds for piece in moment.evidence[:1]))
        or matches(question_text, moment, kinds)
    ]


def count(question: Question, retrieved: Retrieved, limit: int) -> tuple[Statement, ...]:
    """How many moments, or items, show something; none when no moment does.

    `limit` is the number of moments that the search was limited to.
    """
    matching = sort_by_time(find_matching(question.text, retrieved, CONTENT_KINDS))
    cites = tuple(moment.id for moment in matching)
    if not matching:
        return ()
    at_least = "At least " if len(retrieved.moments) >= limit and len(matching) == len(retrieved.moments) else ""
    if question.kind == "count":
        text = "one moment shows that." if len(matching) == 1 else f"{len(matching)} moments show that."
        return (Statement(_capitalize(at_least + text), cites),)
    names = {moment.source: moment.item for moment in matching}
    named = list(names.values())
    listed = (
        " and ".join(named) if len(named) <= MAX_NAMED else f"{', '.join(named[:MAX_NAMED])} and {len(named) - MAX_NAMED} more"
    )
    noun = "file" if question.media is None else MEDIA_NOUNS[question.media]
    text = f"one {noun} shows that: {listed}." if len(named) == 1 else f"{len(named)} {noun}s show that: {listed}."
    return (Statement(_capitalize(at_least + text), cites),)


def find_first(question: Question, first: Retrieved, second: Retrieved) -> tuple[Statement, ...]:
    """Which of two things comes first in an item that shows both; none when no item does."""
    pairs = [
        sort_by_time([left, right])
        for left in find_matching(question.text, first, CONTENT_KINDS)
        for right in find_matching(question.other, second, CONTENT_KINDS)
        if left.source == right.source and left.id != right.id
    ]
    if not pairs:
        return ()
    earlier = pairs[0][0]
    text = describe(earlier, f"{question.text} {question.other}").text
    return (Statement(f"This comes first: {text}", (earlier.id,)),)


def find_neighbour(question: Question, anchor: EvidenceMoment, library: Library) -> tuple[Statement, ...]:
    """What comes after or before a moment; none at the end of its item."""
    neighbour = library.find_neighbour(anchor, 1 if question.kind == "after" else -1)
    return () if neighbour is None else (describe(neighbour),)


def describe_place(question: Question, item: str, library: Library) -> tuple[Statement, ...]:
    """What happens at a time, in a time range or in a scene of an item; none where nothing is."""
    if question.kind == "in_scene":
        moments: Sequence[EvidenceMoment] = library.list_scene(item, question.scene or 0)
    else:
        moments = library.list_between(item, question.start or 0, question.end or 0)
    if question.attribute is not None:
        stated = [describe_attribute(moment, question.attribute) for moment in moments]
        return tuple(statement for statement in stated if statement is not None)[:MAX_LISTED]
    return tuple(describe(moment) for moment in moments[:MAX_LISTED])


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]
