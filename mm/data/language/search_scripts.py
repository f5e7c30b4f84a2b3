"""Conversations of 15 rounds with the expected state of the search after each of them.

A script has a small library of its own, and `search_moments` is the reference search over it, so
that 'the second one' and 'earlier' have a meaning that needs no index.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mm.answers.evidence import EvidenceMoment, sort_by_time
from mm.answers.search_state import SearchState
from mm.data.language.concepts import THINGS, find_named, find_terms, find_things
from mm.data.language.evidence.drafts import Maker
from mm.data.language.evidence.timelines import Material, place_material
from mm.data.language.sources import Query, SourcePool
from mm.data.language.typing_styles import draw_styles, type_text
from mm.data.language.wording import ORDINALS, get_commands, get_vocabulary
from mm.errors import InvalidInput

NUM_ROUNDS = 15
LIMITS = {"new": 3, "back": 2, "talk": 2, "clear": 1}
"""How often these operations are in a script, unless no other one has a meaning."""
_NUM_SUBJECTS, _SEVERAL, _NUM_OTHERS, _NUM_ITEMS = 2, (4, 6), 3, 3
_ATTEMPTS = 60
_EMPTY = 0.2  # probability that a restriction without hits is kept
_CLEARED = 0.2  # probability that a refined search is cleared, where it comes up


@dataclass(frozen=True, slots=True)
class ScriptRound:
    """A message, and what is expected after it."""

    operation: str
    message: str
    """As typed."""
    template: str
    state: SearchState
    hits: tuple[str, ...]
    """Ids of the moments that the state finds, by item and time: the order that ordinals count."""


@dataclass(frozen=True, slots=True)
class SearchScript:
    """A conversation about a library."""

    split: str
    moments: tuple[EvidenceMoment, ...]
    rounds: tuple[ScriptRound, ...]


def search_moments(moments: Sequence[EvidenceMoment], state: SearchState) -> list[EvidenceMoment]:
    """The moments that a state finds, by item and time; all of them for an empty text."""
    return [moment for moment in sort_by_time(moments) if _matches(moment, state)]


def draw_search_scripts(
    pool: SourcePool, split: str, count: int, seed: int, *, wordings: str | None = None
) -> list[SearchScript]:
    """Draw scripts from the sources of a split; a script depends on its arguments and index only.

    `wordings` names the wordings of the messages, of a split or of `FOLLOW_UPS`; default: those of
    the split. Raises `InvalidInput` for an unknown name, and when the sources are too few or too
    similar.
    """
    vocabulary = get_vocabulary(split)
    if wordings is not None:
        vocabulary = replace(vocabulary, commands=get_commands(wordings))
    name = split if wordings in (None, split) else f"{split} {wordings}"
    return [
        _draw_script(Maker(random.Random(f"scripts {seed} {name} {index}"), pool, vocabulary), split) for index in range(count)
    ]


@dataclass(frozen=True, slots=True)
class _Situation:
    maker: Maker
    moments: Sequence[EvidenceMoment]
    history: tuple[SearchState, ...]
    """States before the current one, oldest first, without repeats."""
    state: SearchState

    @property
    def hits(self) -> list[EvidenceMoment]:
        return search_moments(self.moments, self.state)

    @property
    def selected(self) -> EvidenceMoment | None:
        return next((moment for moment in self.moments if moment.id == self.state.selected), None)


Step = tuple[SearchState, dict[str, str]]
"""The next state, and the slots of the message."""


def _draw_script(maker: Maker, split: str) -> SearchScript:
    for _ in range(_ATTEMPTS):
        moments = _draw_library(maker)
        rounds: list[ScriptRound] = []
        history: tuple[SearchState, ...] = ()
        state = SearchState()
        while len(rounds) < NUM_ROUNDS:
            situation = _Situation(maker, moments, history, state)
            made = _draw_round(situation, rounds)
            if made is None:
                break
            rounds.append(made)
            if made.operation == "back":
                history = history[:-1]
            elif made.state != state:
                history = (*history, state) if state.text else ()
            state = made.state
        if len(rounds) == NUM_ROUNDS:
            return SearchScript(split, tuple(moments), tuple(rounds))
    raise InvalidInput(
        f"No script could be made from {len(maker.pool.sources)} images of '{split}': their captions are too similar."
    )


def _draw_round(situation: _Situation, rounds: Sequence[ScriptRound]) -> ScriptRound | None:
    draw = situation.maker.draw
    names = [name for name in OPERATIONS if not rounds or name != rounds[-1].operation]
    counts = Counter(entry.operation for entry in rounds)
    names.sort(key=lambda name: (counts[name] >= LIMITS.get(name, NUM_ROUNDS), counts[name] + 2 * draw.random()))
    for name in names if situation.state.text else ["new"]:
        step = OPERATIONS[name](situation)
        if step is None or (not search_moments(situation.moments, step[0]) and draw.random() > _EMPTY):
            continue
        state, slots = step
        template = draw.choice(situation.maker.vocabulary.commands[name])
        text = template.format(**slots)
        message = type_text(
            text[:1].upper() + text[1:], draw_styles(draw), draw, [slots[slot] for slot in ("item",) if slot in slots]
        )
        hits = tuple(moment.id for moment in search_moments(situation.moments, state))
        return ScriptRound(name, message, template, state, hits)
    return None


def _start(situation: _Situation) -> Step | None:
    """A new query: nothing of the old one is kept."""
    named = Counter(term for moment in situation.moments for term in find_terms(moment.get_text("picture")) if term in THINGS)
    frequent = sorted(thing for thing, count in named.items() if count > 1)
    phrases = [phrase for thing in frequent if (phrase := _with_article(thing)) != situation.state.text]
    if not phrases:
        return None
    phrase = situation.maker.draw.choice(phrases)
    return SearchState(text=phrase), {"phrase": phrase}


def _select(situation: _Situation) -> Step | None:
    hits = situation.hits[: len(ORDINALS)]
    choices = [index for index, hit in enumerate(hits) if hit.id != situation.state.selected]
    if len(hits) < 2 or not choices:
        return None
    index = situation.maker.draw.choice(choices)
    return replace(situation.state, selected=hits[index].id), {"ordinal": ORDINALS[index]}


def _go_earlier(situation: _Situation) -> Step | None:
    """Only what is before the selected moment, in its item."""
    selected = situation.selected
    if selected is None:
        return None
    return replace(situation.state, items=(selected.item,), before=selected.start, after=None, selected=None), {}


def _go_later(situation: _Situation) -> Step | None:
    selected = situation.selected
    if selected is None:
        return None
    return replace(situation.state, items=(selected.item,), after=selected.end, before=None, selected=None), {}


def _only_item(situation: _Situation) -> Step | None:
    items = sorted({hit.item for hit in situation.hits})
    if len(items) < 2:
        return None
    item = situation.maker.draw.choice(items)
    return _deselect_missing(situation, replace(situation.state, items=(item,))), {"item": item}


def _all_items(situation: _Situation) -> Step | None:
    """The restrictions to items and times end; the query stays."""
    if not situation.state.items:
        return None
    return replace(situation.state, items=(), before=None, after=None), {}


def _without(situation: _Situation) -> Step | None:
    return _refine(situation, excludes=True)


def _also(situation: _Situation) -> Step | None:
    return _refine(situation, excludes=False)


def _go_back(situation: _Situation) -> Step | None:
    """The state before the last change."""
    return (situation.history[-1], {}) if situation.history else None


def _clear(situation: _Situation) -> Step | None:
    """Everything is cleared; rare, and only where something was refined."""
    has_refinement = situation.state != SearchState(text=situation.state.text)
    return (SearchState(), {}) if has_refinement and situation.maker.draw.random() < _CLEARED else None


def _talk(situation: _Situation) -> Step | None:
    return situation.state, {}


OPERATIONS: dict[str, Callable[[_Situation], Step | None]] = {
    "new": _start, "select": _select, "earlier": _go_earlier, "later": _go_later, "only_item": _only_item,
    "all_items": _all_items, "without": _without, "also": _also, "back": _go_back, "clear": _clear, "talk": _talk,
}  # fmt: skip
"""What a message does to the state, by name; None where it has no meaning."""


def _refine(situation: _Situation, *, excludes: bool) -> Step | None:
    """A thing that some of the hits show and others do not; the query does not name it."""
    hits = situation.hits
    named = find_named(" ".join((situation.state.text, *situation.state.also, *situation.state.without)))
    shown = [find_terms(hit.get_text("picture")) for hit in hits]
    things = sorted({term for terms in shown for term in terms if term in THINGS and term not in named})
    things = [thing for thing in things if 0 < sum(thing in terms for terms in shown) < len(hits)]
    if not things:
        return None
    thing = situation.maker.draw.choice(things)
    state = situation.state
    state = replace(state, without=(*state.without, thing)) if excludes else replace(state, also=(*state.also, thing))
    return _deselect_missing(situation, state), {"thing": thing, "article": _with_article(thing).split()[0]}


def _deselect_missing(situation: _Situation, state: SearchState) -> SearchState:
    """The state without its selection when it no longer finds the selected moment."""
    hits = {moment.id for moment in search_moments(situation.moments, state)}
    return state if state.selected in hits else replace(state, selected=None)


def _matches(moment: EvidenceMoment, state: SearchState) -> bool:
    shown = find_terms(moment.get_text("picture"))
    return (
        all(find_named(text) <= shown for text in (state.text, *state.also))
        and not any(find_named(text) <= shown for text in state.without)
        and (not state.items or moment.item in state.items)
        and (state.before is None or moment.end <= state.before)
        and (state.after is None or moment.start >= state.after)
    )


def _draw_library(maker: Maker) -> list[EvidenceMoment]:
    """Several moments with each of two things, and others."""
    material: list[Material] = []
    for _ in range(_NUM_SUBJECTS):
        thing = maker.draw.choice(sorted(find_things(maker.draw.choice(maker.pool.sources).captions)) or ["person"])
        query = Query(_with_article(thing), None, find_named(thing))
        material += maker.pool.find_supporting(
            query, {entry[0].id for entry in material}, maker.draw.randint(*_SEVERAL), maker.draw
        )
    used = {entry[0].id for entry in material}
    others = maker.draw.sample([source for source in maker.pool.sources if source.id not in used], _NUM_OTHERS)
    material += [(source, maker.draw.randrange(len(source.captions))) for source in others]
    return place_material(maker.draw, maker.vocabulary, material, _NUM_ITEMS, photos=False)


def _with_article(thing: str) -> str:
    return f"an {thing}" if thing[0] in "aeiou" and thing != "uniform" else f"a {thing}"
