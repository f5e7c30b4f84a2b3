"""When a worker counts as disconnected or stalled."""

from __future__ import annotations

from tests.indexes.conftest import Clock
from workers.stall_detector import MIN_STALL_SECONDS, STALL_SWEEPS, StallDetector

SWEEP = 5.0
LONG = STALL_SWEEPS * SWEEP


def test_work_that_waits_for_an_idle_worker_makes_it_deaf_after_a_while() -> None:
    clock = Clock()
    stall_detector = StallDetector(SWEEP, clock)
    clock.now += LONG
    assert not stall_detector.is_disconnected(1)
    clock.now += SWEEP
    assert stall_detector.is_disconnected(1)


def test_one_that_works_or_has_nothing_to_do_or_no_broker_is_not() -> None:
    clock = Clock()
    stall_detector = StallDetector(SWEEP, clock)
    for waiting in (0, None):
        clock.now += 2 * LONG
        assert not stall_detector.is_disconnected(waiting)
        assert not stall_detector.is_disconnected(1), "and begins anew"
    with stall_detector.track_task():
        clock.now += 2 * LONG
        assert not stall_detector.is_disconnected(1)
        with stall_detector.track_task():
            clock.now += 2 * LONG
        assert not stall_detector.is_disconnected(1)
    assert not stall_detector.is_disconnected(1)
    clock.now += 2 * LONG
    assert stall_detector.is_disconnected(1)
    stall_detector.reset()
    assert not stall_detector.is_disconnected(1)


def test_a_quick_sweeper_is_patient_all_the_same() -> None:
    clock = Clock()
    stall_detector = StallDetector(0.01, clock)
    clock.now += MIN_STALL_SECONDS
    assert not stall_detector.is_disconnected(1)
    clock.now += 0.1
    assert stall_detector.is_disconnected(1)
