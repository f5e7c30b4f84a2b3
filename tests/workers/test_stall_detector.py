"""Detection of workers that receive no messages."""

from __future__ import annotations

from tests.indexes.conftest import Clock
from workers.stall_detector import MIN_STALL_SECONDS, STALL_SWEEPS, StallDetector

SWEEP = 5.0
LONG = STALL_SWEEPS * SWEEP


def test_stall_detector_idle_worker_with_waiting_work_is_disconnected_after_the_limit() -> None:
    clock = Clock()
    stall_detector = StallDetector(SWEEP, clock)
    clock.now += LONG
    assert not stall_detector.is_disconnected(1)
    clock.now += SWEEP
    assert stall_detector.is_disconnected(1)


def test_stall_detector_busy_or_without_work_or_broker_is_not_disconnected() -> None:
    clock = Clock()
    stall_detector = StallDetector(SWEEP, clock)
    for waiting in (0, None):
        clock.now += 2 * LONG
        assert not stall_detector.is_disconnected(waiting)
        assert not stall_detector.is_disconnected(1), "the time starts again"
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


def test_stall_detector_short_sweep_interval_uses_the_minimum_time() -> None:
    clock = Clock()
    stall_detector = StallDetector(0.01, clock)
    clock.now += MIN_STALL_SECONDS
    assert not stall_detector.is_disconnected(1)
    clock.now += 0.1
    assert stall_detector.is_disconnected(1)
