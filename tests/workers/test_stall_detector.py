"""When a worker counts as deaf."""

from __future__ import annotations

from tests.indexes.conftest import Clock
from workers.stall_detector import DEAF_SECONDS, DEAF_SWEEPS, Hearing

SWEEP = 5.0
LONG = DEAF_SWEEPS * SWEEP


def test_work_that_waits_for_an_idle_worker_makes_it_deaf_after_a_while() -> None:
    clock = Clock()
    hearing = Hearing(SWEEP, clock)
    clock.now += LONG
    assert not hearing.is_deaf(1)
    clock.now += SWEEP
    assert hearing.is_deaf(1)


def test_one_that_works_or_has_nothing_to_do_or_no_broker_is_not() -> None:
    clock = Clock()
    hearing = Hearing(SWEEP, clock)
    for waiting in (0, None):
        clock.now += 2 * LONG
        assert not hearing.is_deaf(waiting)
        assert not hearing.is_deaf(1), "and begins anew"
    with hearing.heard():
        clock.now += 2 * LONG
        assert not hearing.is_deaf(1)
        with hearing.heard():
            clock.now += 2 * LONG
        assert not hearing.is_deaf(1)
    assert not hearing.is_deaf(1)
    clock.now += 2 * LONG
    assert hearing.is_deaf(1)
    hearing.begin()
    assert not hearing.is_deaf(1)


def test_a_quick_sweeper_is_patient_all_the_same() -> None:
    clock = Clock()
    hearing = Hearing(0.01, clock)
    clock.now += DEAF_SECONDS
    assert not hearing.is_deaf(1)
    clock.now += 0.1
    assert hearing.is_deaf(1)
