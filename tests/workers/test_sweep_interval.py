"""The interval between sweeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.sweep_interval import MAX_SECONDS, SweepInterval


@given(st.floats(0.01, 100.0), st.lists(st.booleans(), max_size=20))
def test_sweep_interval_grows_only_while_idle_up_to_the_maximum(seconds: float, sweeps: list[bool]) -> None:
    pace, before = SweepInterval(seconds), seconds
    for quiet in sweeps:
        pause = pace.advance(is_idle=quiet)
        assert seconds <= pause <= max(seconds, MAX_SECONDS)
        assert pause >= before if quiet else pause == seconds
        before = pause


def test_sweep_interval_default_reaches_the_maximum_and_resets() -> None:
    pace = SweepInterval(5.0)
    assert [pace.advance(is_idle=True) for _ in range(4)] == [10.0, 20.0, 20.0, 20.0]
    assert pace.advance(is_idle=False) == 5.0
