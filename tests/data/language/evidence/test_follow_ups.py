"""Conversations: what 'the second one', 'there' and 'after that' mean in the last round."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mm.answers.evidence import REFUSAL, EvidenceMoment, Turn
from mm.data.language.evidence.drafts import Draft, Maker
from mm.data.language.evidence.follow_ups import MAX_ROUNDS, make_follow_up
from mm.data.language.wording import ORDINALS, get_vocabulary
from tests.data.language.made_captions import make_pool

ROUNDS = st.integers(2, MAX_ROUNDS)
SEEDS = st.integers(0, 2**32)


def make(num_rounds: int, seed: int, kind: str | None = None) -> tuple[Draft, tuple[Turn, ...]]:
    """The first conversation of a seed whose last round is of a kind."""
    maker = Maker(random.Random(seed), make_pool("train"), get_vocabulary("train"))
    for _ in range(3000):
        made = make_follow_up(maker, num_rounds)
        if made is not None and (kind is None or made[0].kind == f"follow_up/{kind}"):
            return made
    raise AssertionError(f"no conversation ends with {kind}")


def get_moment(draft: Draft, handle: str) -> EvidenceMoment:
    return next(moment for moment in draft.moments if moment.id == handle)


@given(num_rounds=ROUNDS, seed=SEEDS)
def test_make_follow_up_has_the_number_of_rounds(num_rounds: int, seed: int) -> None:
    draft, turns = make(num_rounds, seed)
    assert len(turns) == num_rounds - 1
    assert all(turn.question and turn.answer for turn in turns)
    assert bool(draft.right) == (draft.answer[0].text != REFUSAL)


@given(num_rounds=st.integers(2, 5), seed=SEEDS, kind=st.sampled_from(["ordinal_item", "ordinal_after"]))
def test_make_follow_up_ordinal_counts_the_moments_of_the_last_list(num_rounds: int, seed: int, kind: str) -> None:
    draft, turns = make(num_rounds, seed, kind)
    listed = next(turn.answer for turn in reversed(turns) if len(turn.answer) > 1)
    chosen = get_moment(draft, listed[ORDINALS.index(draft.slots["ordinal"])].cites[0])
    if kind == "ordinal_item":
        assert draft.right == (chosen.id,)
        assert chosen.item in draft.answer[0].text
    else:
        later = [moment for moment in draft.moments if moment.item == chosen.item and moment.start > chosen.start]
        expected = min(later, key=lambda moment: moment.start, default=None)
        assert draft.right == ((expected.id,) if expected else ())


@given(seed=SEEDS, kind=st.sampled_from(["focus_said", "focus_read", "focus_next", "focus_previous"]))
def test_make_follow_up_focus_is_the_one_moment_of_the_answer_before(seed: int, kind: str) -> None:
    draft, turns = make(2, seed, kind)
    (statement,) = turns[-1].answer
    focus = get_moment(draft, statement.cites[0])
    assert draft.referred == (focus.id,)
    if kind in ("focus_said", "focus_read"):
        words = focus.get_text("speech" if kind == "focus_said" else "written")
        assert draft.right == ((focus.id,) if words else ())
        assert words in draft.answer[0].text
    else:
        for handle in draft.right:
            other = get_moment(draft, handle)
            assert other.item == focus.item
            assert (other.start > focus.start) == (kind == "focus_next")


@given(seed=SEEDS)
def test_make_follow_up_repeats_no_query(seed: int) -> None:
    draft, turns = make(6, seed, "again")
    vocabulary = get_vocabulary("train").questions
    wordings = [*vocabulary["every"], *vocabulary["again"]]
    same = {wording.format(**draft.slots).lower().rstrip("?.") for wording in wordings}
    assert not same & {turn.question.lower().rstrip("?.") for turn in turns}
