"""Conversations about a fixed set of moments, whose later rounds refer to earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mm.answers.evidence import EvidenceMoment, Statement, Turn, find_neighbour, refuse
from mm.data.language.evidence.drafts import (
    Draft,
    Maker,
    describe,
    draw_distractors,
    find_right,
    is_decided,
    list_right,
    make_slots,
    quote_speech,
    quote_writing,
)
from mm.data.language.evidence.picture_questions import draw_absent_query, draw_query_over
from mm.data.language.evidence.timelines import add_background_words, place_material
from mm.data.language.sources import Query
from mm.data.language.typing_styles import draw_styles, type_text
from mm.data.language.wording import ORDINALS

MAX_ROUNDS = 15
ABSENT = 0.25
"""Share of new queries that no moment supports."""
_SMALL_TALK = 0.12
_SEVERAL = (1, 3)
_WORDS = 2.0  # how much more often than elsewhere words are said and written
_WEIGHTS = {"again": 2, "ordinal_item": 2, "ordinal_after": 2}  # of kinds of rounds; 1 for the others


@dataclass(frozen=True, slots=True)
class Context:
    """What words of the next round can refer to."""

    listed: tuple[EvidenceMoment, ...] = ()
    """The moments of the last answer that listed some: 'the second one'."""
    focus: EvidenceMoment | None = None
    """The one moment of the last answer: 'there', 'after that'."""
    used: tuple[str, ...] = ()
    """Noun phrases of earlier queries, and the kinds of the rounds since the last query."""


def make_follow_up(maker: Maker, num_rounds: int) -> tuple[Draft, tuple[Turn, ...]] | None:
    """Make a conversation of `num_rounds` rounds: the last one as a draft, the others as turns."""
    query, moments = _draw_library(maker)
    context, turns = Context(), []
    for number in range(num_rounds):
        if 0 < number < num_rounds - 1 and maker.draw.random() < _SMALL_TALK:
            message, reply = maker.draw.choice(maker.vocabulary.small_talk)
            turns.append(Turn(type_text(message, draw_styles(maker.draw), maker.draw), (Statement(reply),)))
            continue
        made = _make_round(maker, moments, context, query if number == 0 else None)
        if made is None:
            return None
        draft, context = made
        if number == num_rounds - 1:
            return replace(draft, kind=f"follow_up/{draft.kind}") if number else draft, tuple(turns)
        text = maker.draw.choice(maker.vocabulary.questions[draft.kind]).format(**draft.slots)
        turns.append(Turn(type_text(text, draw_styles(maker.draw), maker.draw, draft.kept), draft.answer))
    return None


def _make_round(
    maker: Maker, moments: Sequence[EvidenceMoment], context: Context, first: Query | None
) -> tuple[Draft, Context] | None:
    """A round; the first one has the query `first`. None when the moments are ambiguous for it."""
    if first is not None:
        return _answer_query(maker, moments, context, "every", first)
    kinds = ["again"]
    if len(context.listed) > 1:
        kinds += ["ordinal_item", "ordinal_after"]
    if context.focus is not None:
        kinds += ["focus_said", "focus_read", "focus_next", "focus_previous"]
    kinds = [kind for kind in kinds if kind not in context.used]
    (kind,) = maker.draw.choices(kinds, [_WEIGHTS.get(kind, 1) for kind in kinds])
    if kind == "again":
        is_absent = maker.draw.random() < ABSENT
        query = draw_absent_query(maker, moments) if is_absent else draw_query_over(maker, moments, moments)
        return None if query is None else _answer_query(maker, moments, context, kind, query)
    if kind.startswith("ordinal"):
        draft, context = _make_ordinal_round(maker, moments, context, kind)
    else:
        draft, context = _make_focus_round(moments, context, kind)
    return draft, replace(context, used=(*context.used, kind))


def _answer_query(
    maker: Maker, moments: Sequence[EvidenceMoment], context: Context, kind: str, query: Query
) -> tuple[Draft, Context] | None:
    if query.phrase in context.used or not is_decided(query, moments, maker.pool):
        return None
    right = find_right(query, moments)
    draft = Draft(kind, make_slots(query), moments, list_right(right), tuple(moment.id for moment in right))
    phrases = tuple(entry for entry in context.used if " " in entry)
    return draft, Context(tuple(right), right[0] if len(right) == 1 else None, (*phrases, query.phrase))


def _make_ordinal_round(maker: Maker, moments: Sequence[EvidenceMoment], context: Context, kind: str) -> tuple[Draft, Context]:
    index = maker.draw.randrange(min(len(context.listed), len(ORDINALS)))
    chosen, slots = context.listed[index], {"ordinal": ORDINALS[index]}
    if kind == "ordinal_item":
        answer = (Statement(f"It is from {chosen.item}.", (chosen.id,)),)
        return Draft(kind, slots, moments, answer, (chosen.id,)), replace(context, focus=chosen)
    return _answer_neighbour(kind, slots, moments, context, chosen, 1)


def _make_focus_round(moments: Sequence[EvidenceMoment], context: Context, kind: str) -> tuple[Draft, Context]:
    focus = context.focus
    assert focus is not None, "only drawn with a focus"
    if kind in ("focus_next", "focus_previous"):
        return _answer_neighbour(kind, {}, moments, context, focus, 1 if kind == "focus_next" else -1)
    words, quote = (
        (focus.get_text("speech"), quote_speech) if kind == "focus_said" else (focus.get_text("written"), quote_writing)
    )
    answer, right = ((quote(focus),), (focus.id,)) if words else (refuse(), ())
    return Draft(kind, {}, moments, answer, right, (focus.id,)), context


def _answer_neighbour(
    kind: str, slots: dict[str, str], moments: Sequence[EvidenceMoment], context: Context, chosen: EvidenceMoment, step: int
) -> tuple[Draft, Context]:
    neighbour = find_neighbour(moments, chosen, step)
    answer, right = (refuse(), ()) if neighbour is None else ((describe(neighbour),), (neighbour.id,))
    return Draft(kind, slots, moments, answer, right, (chosen.id,)), replace(context, focus=neighbour)


def _draw_library(maker: Maker) -> tuple[Query, list[EvidenceMoment]]:
    """A query that several moments may support, and moments with many words said and written."""
    source, caption, query = maker.pool.draw_query(maker.draw, is_short=True)
    material = [(source, caption), *maker.pool.find_supporting(query, {source.id}, maker.draw.randint(*_SEVERAL), maker.draw)]
    material += draw_distractors(maker, query, {entry[0].id for entry in material})
    moments = place_material(maker.draw, maker.vocabulary, material, 2, photos=False)
    return query, add_background_words(maker.draw, maker.vocabulary, moments, factor=_WORDS)
