"""When what died is started again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mm.embedded.backoff import FIRST_SECONDS, LONGEST_SECONDS, STEADY_SECONDS, Restarts


@given(st.lists(st.integers(0, int(STEADY_SECONDS) - 1), max_size=20))
def test_pauses_grow_for_what_keeps_dying(lives: list[int]) -> None:
    restarts, now, pauses = Restarts(), 0.0, []
    for life in [0.0, *lives]:
        now += life
        pauses.append(restarts.died("part", now))
        assert not restarts.due(now)
        assert restarts.seconds_left(now) == pauses[-1]
        now += pauses[-1]
        assert restarts.seconds_left(now + 1.0) == 0.0
        assert restarts.due(now) == ["part"]
        restarts.started("part", now)
        assert restarts.due(now + 1e9) == []
        assert restarts.seconds_left(now) is None
    assert pauses[0] == FIRST_SECONDS
    assert all(later == min(earlier * 2, LONGEST_SECONDS) for earlier, later in pairwise(pauses))


def test_a_long_life_makes_up_for_deaths() -> None:
    restarts = Restarts()
    for now in (0.0, 2.0, 8.0):
        restarts.died("part", now)
        restarts.started("part", now + 1)
    assert restarts.died("part", 9 + STEADY_SECONDS) == FIRST_SECONDS


def test_parts_do_not_share_their_fate() -> None:
    restarts = Restarts()
    restarts.died("a", 0.0)
    restarts.started("a", 1.0)
    assert restarts.died("a", 2.0) == 2 * FIRST_SECONDS
    assert restarts.died("b", 2.0) == FIRST_SECONDS


def test_who_kills_on_purpose_need_not_wait() -> None:
    restarts = Restarts(first=0.0, longest=0.0)
    for now in range(5):
        assert restarts.died("part", float(now)) == 0.0
        assert restarts.due(float(now)) == ["part"]
        restarts.started("part", float(now))
