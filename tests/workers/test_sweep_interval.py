"""The interval between sweeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.sweep_interval import LONGEST_SECONDS, SweepInterval


@given(st.floats(0.01, 100.0), st.lists(st.booleans(), max_size=20))
def test_pace_grows_only_while_quiet_and_up_to_a_bound(seconds: float, sweeps: list[bool]) -> None:
    pace, before = SweepInterval(seconds), seconds
    for quiet in sweeps:
        pause = pace.advance(is_idle=quiet)
        assert seconds <= pause <= max(seconds, LONGEST_SECONDS)
        assert pause >= before if quiet else pause == seconds
        before = pause


def test_pace_of_the_default_reaches_the_bound_and_comes_back() -> None:
    pace = SweepInterval(5.0)
    assert [pace.advance(is_idle=True) for _ in range(4)] == [10.0, 20.0, 20.0, 20.0]
    assert pace.advance(is_idle=False) == 5.0
