"""Questions about what is visible: when, every time, in which file, how often, in which order."""

from __future__ import annotations

from collections.abc import Sequence

from mm.answers.evidence import EvidenceMoment, Statement, find_neighbour, format_clock, refuse, sort_by_time
from mm.data.language.concepts import Support, find_terms, judge
from mm.data.language.evidence.drafts import Draft, Maker, draw_distractors, find_right, is_decided, list_right, make_slots
from mm.data.language.evidence.timelines import add_background_words, place_material
from mm.data.language.sources import Query, Source, make_query

SEVERAL = (1, 3)
"""Number of further right moments, where there can be several."""
SINGLE = 0.25
"""Probability that such a question is kept when one moment is right."""
ABSENT = 0.3
"""Share of questions whose answer is not among the moments."""
_ATTEMPTS = 20
_NAMED_RANGE = 3  # at most so many moments in a time range


def make_search(maker: Maker, kind: str) -> Draft | None:
    """When, every, which_item, count, count_items: moments that show the thing of the query.

    A wrong moment shares a term with a query of several terms.
    """
    is_absent = maker.draw.random() < ABSENT
    has_several = kind in ("every", "count", "count_items")
    query, moments = _draw_moments(maker, several=has_several, absent=is_absent)
    right = find_right(query, moments)
    wrong = [moment for moment in moments if moment not in right]
    is_hard = any(query.terms & find_terms(moment.get_text("picture")) for moment in wrong)
    if len(query.terms) > 1 and not is_hard:
        return None
    if has_several and len(right) == 1 and maker.draw.random() > SINGLE:
        return None
    if bool(right) == is_absent or not is_decided(query, moments, maker.pool):
        return None
    ids = tuple(moment.id for moment in right)
    if not right:
        count = 0 if kind.startswith("count") else None
        return Draft(kind, make_slots(query), moments, refuse(), (), count=count)
    if kind == "count":
        number = len(right)
        text = "One moment shows that." if number == 1 else f"{number} moments show that."
        return Draft(kind, make_slots(query), moments, (Statement(text, ids),), ids, count=number)
    if kind == "count_items":
        items = sorted({moment.item for moment in right})
        text = f"One file shows that: {items[0]}." if len(items) == 1 else f"{len(items)} files show that: {' and '.join(items)}."
        return Draft(kind, make_slots(query), moments, (Statement(text, ids),), ids, count=len(items))
    if kind == "which_item":
        answer = tuple(Statement(f"{moment.item} shows that: {moment.get_text('picture')}.", (moment.id,)) for moment in right)
        return Draft(kind, make_slots(query), moments, answer, ids)
    return Draft(kind, make_slots(query), moments, list_right(right), ids)


def make_when_in(maker: Maker, kind: str) -> Draft | None:
    """The query in a named item. When absent, another item shows it: the name decides."""
    query, moments = _draw_moments(maker, several=True, absent=False, photos=False, min_items=2)
    right = find_right(query, moments)
    others = sorted({moment.item for moment in moments} - {moment.item for moment in right})
    is_absent = maker.draw.random() < ABSENT
    if not is_decided(query, moments, maker.pool) or not right or (is_absent and not others):
        return None
    item = maker.draw.choice(others) if is_absent else right[0].item
    chosen = [moment for moment in right if moment.item == item]
    slots = make_slots(query) | {"item": item}
    return Draft(kind, slots, moments, list_right(chosen), tuple(moment.id for moment in chosen), kept=(item,))


def make_at_time(maker: Maker, kind: str) -> Draft | None:
    """What happens at a time of an item; when absent, the time is in none of its moments."""
    _, moments = _draw_moments(maker, several=False, absent=False, photos=False)
    target = maker.draw.choice(moments)
    timeline = [moment for moment in sort_by_time(moments) if moment.item == target.item]
    is_absent = maker.draw.random() < ABSENT
    time = timeline[-1].end + maker.draw.randint(30, 300) if is_absent else maker.draw.randint(target.start + 1, target.end - 1)
    slots = {"item": target.item, "clock": format_clock(time)}
    chosen = [] if is_absent else [target]
    return Draft(kind, slots, moments, list_right(chosen), tuple(moment.id for moment in chosen), kept=(target.item,))


def make_in_range(maker: Maker, kind: str) -> Draft | None:
    """What happens between two times of an item: every moment inside; the edges are in gaps."""
    _, moments = _draw_moments(maker, several=False, absent=False, photos=False)
    item = maker.draw.choice(moments).item
    timeline = [moment for moment in sort_by_time(moments) if moment.item == item]
    first = maker.draw.randrange(len(timeline))
    chosen = timeline[first : first + maker.draw.randint(1, _NAMED_RANGE)]
    start, end = chosen[0].start, chosen[-1].end
    if maker.draw.random() < ABSENT:
        start = timeline[-1].end + maker.draw.randint(20, 60)
        end, chosen = start + maker.draw.randint(20, 120), []
    slots = {"item": item, "clock": format_clock(start), "end": format_clock(end)}
    return Draft(kind, slots, moments, list_right(chosen), tuple(moment.id for moment in chosen), kept=(item,))


def make_in_scene(maker: Maker, kind: str) -> Draft | None:
    """What happens in a scene: all its moments; when absent, the scene was not retrieved."""
    _, moments = _draw_moments(maker, several=False, absent=False, photos=False)
    target = maker.draw.choice(moments)
    scenes = [moment.scene or 0 for moment in moments if moment.item == target.item]
    scene = max(scenes) + maker.draw.randint(1, 5) if maker.draw.random() < ABSENT else target.scene
    chosen = [moment for moment in sort_by_time(moments) if (moment.item, moment.scene) == (target.item, scene)]
    slots = {"item": target.item, "scene": str(scene)}
    return Draft(kind, slots, moments, list_right(chosen), tuple(moment.id for moment in chosen), kept=(target.item,))


def make_neighbour(maker: Maker, kind: str) -> Draft | None:
    """What comes after or before the thing of the query, in its item; at the end it is refused."""
    query, moments = _draw_moments(maker, several=False, absent=False, photos=False)
    right = find_right(query, moments)
    if len(right) != 1 or not is_decided(query, moments, maker.pool):
        return None
    neighbour = find_neighbour(moments, right[0], 1 if kind == "after" else -1)
    slots = make_slots(query) | {"item": right[0].item}
    chosen = [] if neighbour is None else [neighbour]
    ids = tuple(moment.id for moment in chosen)
    return Draft(kind, slots, moments, list_right(chosen), ids, (right[0].id,), kept=(right[0].item,))


def make_first(maker: Maker, kind: str) -> Draft | None:
    """Which of two things comes first in an item that shows each of them once."""
    query, moments = _draw_moments(maker, several=False, absent=False, photos=False)
    right = find_right(query, moments)
    if len(right) != 1 or not is_decided(query, moments, maker.pool):
        return None
    others = [moment for moment in moments if moment.item == right[0].item and moment is not right[0]]
    other = draw_query_over(maker, moments, others)
    if other is None:
        return None
    matches = find_right(other, moments)
    if len(matches) != 1 or matches[0].item != right[0].item or matches[0] == right[0]:
        return None
    earlier, later = sort_by_time([right[0], matches[0]])
    answer = (Statement(f"This comes first: {earlier.get_text('picture')}.", (earlier.id,)),)
    slots = make_slots(query) | {"item": right[0].item, "other": other.phrase}
    return Draft(kind, slots, moments, answer, (earlier.id,), (later.id,), kept=(right[0].item,))


def draw_query_over(maker: Maker, moments: Sequence[EvidenceMoment], targets: Sequence[EvidenceMoment]) -> Query | None:
    """Draw a query that one of `targets` supports and for which no moment is ambiguous."""
    for _ in range(_ATTEMPTS if targets else 0):
        target = maker.draw.choice(targets)
        query = make_query(target.get_text("picture"), maker.draw)
        if query is not None and target in find_right(query, moments) and is_decided(query, moments, maker.pool):
            return query
    return None


def draw_absent_query(maker: Maker, moments: Sequence[EvidenceMoment]) -> Query | None:
    """Draw a query that no moment supports, sharing a term with one of them where possible."""
    fallback = None
    for _ in range(_ATTEMPTS):
        _, _, query = maker.pool.draw_query(maker.draw)
        known = [maker.pool.get(moment.source).known for moment in moments]
        if all(judge(query.terms, frozenset(), terms) is Support.EXCLUDED for terms in known):
            if any(query.terms & terms for terms in known):
                return query
            fallback = query
    return fallback


def _draw_moments(
    maker: Maker, *, several: bool, absent: bool, photos: bool = True, min_items: int = 1
) -> tuple[Query, list[EvidenceMoment]]:
    source, caption, query = maker.pool.draw_query(maker.draw, is_short=several)
    material: list[tuple[Source, int]] = [] if absent else [(source, caption)]
    used = {source.id}
    if several and not absent:
        material += maker.pool.find_supporting(query, used, maker.draw.randint(*SEVERAL), maker.draw)
        used |= {entry[0].id for entry in material}
    material += draw_distractors(maker, query, used)
    num_items = maker.draw.randint(min_items, 5 if photos else 2)
    moments = place_material(maker.draw, maker.vocabulary, material, num_items, photos=photos)
    return query, add_background_words(maker.draw, maker.vocabulary, moments)
