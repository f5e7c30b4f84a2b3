"""When what died is started again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mm.embedded.backoff import FIRST_SECONDS, LONGEST_SECONDS, STEADY_SECONDS, Backoff


@given(st.lists(st.integers(0, int(STEADY_SECONDS) - 1), max_size=20))
def test_pauses_grow_for_what_keeps_dying(lives: list[int]) -> None:
    backoff, now, pauses = Backoff(), 0.0, []
    for life in [0.0, *lives]:
        now += life
        pauses.append(backoff.record_exit("part", now))
        assert not backoff.list_due(now)
        assert backoff.seconds_until_due(now) == pauses[-1]
        now += pauses[-1]
        assert backoff.seconds_until_due(now + 1.0) == 0.0
        assert backoff.list_due(now) == ["part"]
        backoff.record_start("part", now)
        assert backoff.list_due(now + 1e9) == []
        assert backoff.seconds_until_due(now) is None
    assert pauses[0] == FIRST_SECONDS
    assert all(later == min(earlier * 2, LONGEST_SECONDS) for earlier, later in pairwise(pauses))


def test_a_long_life_makes_up_for_deaths() -> None:
    backoff = Backoff()
    for now in (0.0, 2.0, 8.0):
        backoff.record_exit("part", now)
        backoff.record_start("part", now + 1)
    assert backoff.record_exit("part", 9 + STEADY_SECONDS) == FIRST_SECONDS


def test_parts_do_not_share_their_fate() -> None:
    backoff = Backoff()
    backoff.record_exit("a", 0.0)
    backoff.record_start("a", 1.0)
    assert backoff.record_exit("a", 2.0) == 2 * FIRST_SECONDS
    assert backoff.record_exit("b", 2.0) == FIRST_SECONDS


def test_who_kills_on_purpose_need_not_wait() -> None:
    backoff = Backoff(first=0.0, longest=0.0)
    for now in range(5):
        assert backoff.record_exit("part", float(now)) == 0.0
        assert backoff.list_due(float(now)) == ["part"]
        backoff.record_start("part", float(now))
