"""Restart delays."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mm.embedded.backoff import FIRST_SECONDS, LONGEST_SECONDS, STEADY_SECONDS, Backoff


@given(st.lists(st.integers(0, int(STEADY_SECONDS) - 1), max_size=20))
def test_record_exit_after_short_uptimes_doubles_the_delay(uptimes: list[int]) -> None:
    backoff, now, delays = Backoff(), 0.0, []
    for uptime in [0.0, *uptimes]:
        now += uptime
        delays.append(backoff.record_exit("worker", now))
        assert not backoff.list_due(now)
        assert backoff.seconds_until_due(now) == delays[-1]
        now += delays[-1]
        assert backoff.seconds_until_due(now + 1.0) == 0.0
        assert backoff.list_due(now) == ["worker"]
        backoff.record_start("worker", now)
        assert backoff.list_due(now + 1e9) == []
        assert backoff.seconds_until_due(now) is None
    assert delays[0] == FIRST_SECONDS
    assert all(later == min(earlier * 2, LONGEST_SECONDS) for earlier, later in pairwise(delays))


def test_record_exit_after_a_steady_uptime_resets_the_delay() -> None:
    backoff = Backoff()
    for now in (0.0, 2.0, 8.0):
        backoff.record_exit("worker", now)
        backoff.record_start("worker", now + 1)
    assert backoff.record_exit("worker", 9 + STEADY_SECONDS) == FIRST_SECONDS


def test_record_exit_of_one_process_does_not_change_the_delay_of_another() -> None:
    backoff = Backoff()
    backoff.record_exit("a", 0.0)
    backoff.record_start("a", 1.0)
    assert backoff.record_exit("a", 2.0) == 2 * FIRST_SECONDS
    assert backoff.record_exit("b", 2.0) == FIRST_SECONDS


def test_backoff_of_zero_seconds_is_due_at_once() -> None:
    backoff = Backoff(first=0.0, longest=0.0)
    for now in range(5):
        assert backoff.record_exit("worker", float(now)) == 0.0
        assert backoff.list_due(float(now)) == ["worker"]
        backoff.record_start("worker", float(now))
