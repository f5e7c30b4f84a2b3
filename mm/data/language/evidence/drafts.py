"""A question before it is typed, and what all makers of questions share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from mm.answers.evidence import EvidenceMoment, Statement, refuse, sort_by_time
from mm.data.language.concepts import Support, find_terms, judge
from mm.data.language.evidence.timelines import Material
from mm.data.language.sources import Query, SourcePool
from mm.data.language.wording import Vocabulary

SHARING, UNRELATED = (2, 4), (1, 3)
"""Numbers of distractors that share a term with the query, and of others."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What questions are made from."""

    draw: random.Random
    pool: SourcePool
    vocabulary: Vocabulary


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as a wording with its slots, and its answer."""

    kind: str
    slots: dict[str, str]
    moments: Sequence[EvidenceMoment]
    answer: tuple[Statement, ...]
    right: tuple[str, ...]
    referred: tuple[str, ...] = ()
    """Ids that the question refers to without their being its answer."""
    count: int | None = None
    kept: tuple[str, ...] = field(default=())
    """Names in the question that typing errors leave as they are."""


def draw_distractors(maker: Maker, query: Query, used: set[str]) -> list[Material]:
    """Draw sources that do not support the query, most of which share words with it."""
    sharing = maker.pool.find_excluded(query, used, maker.draw.randint(*SHARING), maker.draw)
    used = used | {source.id for source in sharing}
    others = maker.pool.draw_unrelated([query], used, maker.draw.randint(*UNRELATED), maker.draw)
    return [(source, maker.draw.randrange(len(source.captions))) for source in [*sharing, *others]]


def find_right(query: Query, moments: Sequence[EvidenceMoment]) -> list[EvidenceMoment]:
    """The moments whose picture supports a query, by item and time."""
    return [moment for moment in sort_by_time(moments) if query.terms <= find_terms(moment.get_text("picture"))]


def is_decided(query: Query, moments: Sequence[EvidenceMoment], pool: SourcePool) -> bool:
    """Whether no moment is ambiguous for a query."""
    return all(judge_moment(query, moment, pool) is not Support.AMBIGUOUS for moment in moments)


def judge_moment(query: Query, moment: EvidenceMoment, pool: SourcePool) -> Support:
    """Whether the picture of a moment supports a query."""
    return judge(query.terms, find_terms(moment.get_text("picture")), pool.get(moment.source).known)


def describe(moment: EvidenceMoment) -> Statement:
    """What a moment shows, with its citation."""
    return Statement(f"{moment.get_text('picture')}.", (moment.id,))


def quote_speech(moment: EvidenceMoment) -> Statement:
    """What is said in a moment."""
    return Statement(f'Someone says: "{moment.get_text("speech")}".', (moment.id,))


def quote_writing(moment: EvidenceMoment) -> Statement:
    """What is written in a moment."""
    return Statement(f'It reads: "{moment.get_text("written")}".', (moment.id,))


def list_right(draft_moments: Sequence[EvidenceMoment]) -> tuple[Statement, ...]:
    """One sentence for each moment; the refusal for none."""
    return tuple(describe(moment) for moment in draft_moments) or refuse()


def make_slots(query: Query) -> dict[str, str]:
    """The slots of a query; without a clause, 'is there' stands before its noun phrase."""
    is_plural = query.phrase.split()[0] in ("two", "three")
    clause = query.clause.question if query.clause else f"{'are' if is_plural else 'is'} there {query.phrase}"
    return {"phrase": query.phrase, "clause": clause}
