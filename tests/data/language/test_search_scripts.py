"""Search scripts: 15 rounds whose states follow from their operations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.answers.evidence import EvidenceMoment
from mm.answers.search_state import SearchState
from mm.data.language.concepts import find_named, find_terms
from mm.data.language.search_scripts import (
    NUM_ROUNDS,
    OPERATIONS,
    ScriptRound,
    SearchScript,
    draw_search_scripts,
    search_moments,
)
from mm.data.language.wording import ORDINALS, SPLITS, get_vocabulary
from mm.errors import InvalidInput
from tests.data.language.made_captions import make_pool

CASES = st.tuples(st.sampled_from(SPLITS), st.integers(0, 200))


@cache
def draw(split: str, seed: int) -> SearchScript:
    (script,) = draw_search_scripts(make_pool(split), split, 1, seed)
    return script


def steps(script: SearchScript) -> list[tuple[ScriptRound, ScriptRound]]:
    return list(pairwise(script.rounds))


def get_moment(script: SearchScript, handle: str | None) -> EvidenceMoment:
    return next(moment for moment in script.moments if moment.id == handle)


@given(case=CASES)
def test_draw_search_scripts_is_deterministic_and_has_15_rounds(case: tuple[str, int]) -> None:
    split, seed = case
    assert draw_search_scripts(make_pool(split), split, 2, seed)[:1] == [draw(split, seed)]
    assert len(draw(split, seed).rounds) == NUM_ROUNDS == 15
    assert draw(split, seed).rounds[0].operation == "new"
    for entry in draw(split, seed).rounds:
        assert entry.template in get_vocabulary(split).commands[entry.operation]


@given(case=CASES)
def test_draw_search_scripts_hits_are_those_of_a_plain_search(case: tuple[str, int]) -> None:
    script = draw(*case)
    for entry in script.rounds:
        state, expected = entry.state, []
        for moment in sorted(script.moments, key=lambda moment: (moment.item, moment.start)):
            terms = find_terms(moment.get_text("picture"))
            is_hit = all(find_named(text) <= terms for text in [state.text, *state.also])
            is_hit &= all(not find_named(text) <= terms for text in state.without)
            is_hit &= not state.items or moment.item in state.items
            is_hit &= state.before is None or moment.end <= state.before
            is_hit &= state.after is None or moment.start >= state.after
            expected += [moment.id] * is_hit
        assert list(entry.hits) == expected
        assert state.selected is None or state.selected in entry.hits


@given(case=CASES)
def test_draw_search_scripts_states_follow_from_the_operations(case: tuple[str, int]) -> None:
    script = draw(*case)
    for before, entry in steps(script):
        old, new = before.state, entry.state
        match entry.operation:
            case "new":
                assert new == SearchState(text=new.text)
            case "select":
                assert new == replace(old, selected=new.selected)
                assert new.selected in before.hits[: len(ORDINALS)]
            case "earlier":
                selected = get_moment(script, old.selected)
                assert new == replace(old, items=(selected.item,), before=selected.start, after=None, selected=None)
                assert all(get_moment(script, handle).end <= selected.start for handle in entry.hits)
            case "later":
                selected = get_moment(script, old.selected)
                assert new == replace(old, items=(selected.item,), after=selected.end, before=None, selected=None)
                assert all(get_moment(script, handle).start >= selected.end for handle in entry.hits)
            case "only_item":
                assert new.items[0].lower() in entry.message.lower()
                assert set(entry.hits) < set(before.hits)
            case "all_items":
                assert new == replace(old, items=(), before=None, after=None)
                assert set(entry.hits) >= set(before.hits)
            case "without":
                assert new.without[:-1] == old.without
                assert 0 < len(entry.hits) < len(before.hits)
            case "also":
                assert new.also[:-1] == old.also
                assert 0 < len(entry.hits) < len(before.hits)
            case "clear":
                assert new == SearchState()
            case "talk":
                assert (new, entry.hits) == (old, before.hits)
            case operation:
                assert operation == "back"


@given(case=CASES)
def test_draw_search_scripts_back_undoes_the_last_change(case: tuple[str, int]) -> None:
    undone: list[SearchState] = []
    state = SearchState()
    for entry in draw(*case).rounds:
        if entry.operation == "back":
            assert entry.state == undone.pop()
        elif entry.state != state:
            undone = [*undone, state] if state.text else []
        state = entry.state


def test_draw_search_scripts_cover_all_operations_and_are_not_mostly_new_searches() -> None:
    rounds = [entry for split in SPLITS for seed in range(30) for entry in draw(split, seed).rounds]
    counts = Counter(entry.operation for entry in rounds)
    assert counts.keys() == OPERATIONS.keys()
    assert counts["new"] < 0.3 * len(rounds)
    assert sum(not entry.hits for entry in rounds) < 0.1 * len(rounds)


@pytest.mark.parametrize(("left", "right"), list(combinations(SPLITS, 2)))
def test_draw_search_scripts_of_two_splits_share_no_source_or_wording(left: str, right: str) -> None:
    a, b = ([draw(split, seed) for seed in range(20)] for split in (left, right))
    assert not {moment.source for script in a for moment in script.moments} & {
        moment.source for script in b for moment in script.moments
    }
    texts = [
        {entry.template for script in scripts for entry in script.rounds if entry.template != "{phrase}"} for scripts in (a, b)
    ]
    assert not texts[0] & texts[1]


def test_search_moments_of_an_empty_state_finds_all_by_item_and_time() -> None:
    script = draw("dev", 0)
    found = search_moments(script.moments, SearchState())
    assert [(moment.item, moment.start) for moment in found] == sorted((moment.item, moment.start) for moment in script.moments)


def test_draw_search_scripts_of_an_unknown_split_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="'val'"):
        draw_search_scripts(make_pool("dev"), "val", 1, 0)
