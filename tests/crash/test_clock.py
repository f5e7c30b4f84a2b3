"""Leases and due work after the system clock was set back by an hour."""

from __future__ import annotations

from indexes import Store
from tests.indexes.conftest import Clock
from tests.indexes.library import add, add_planned_job

LEASE = 60.0
HOUR = 3600.0


def set_back(store: Store, clock: Clock) -> None:
    """Set the clock back, and correct the catalog as the sweeper does."""
    clock.now -= HOUR
    store.catalog.clamp_future_times(clock.now, LEASE)


def test_clock_set_back_keeps_the_lease_of_a_live_worker(store: Store, clock: Clock) -> None:
    job, (chunk,) = add_planned_job(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "alive", LEASE)
    set_back(store, clock)
    for _ in range(10):
        assert store.catalog.lease_chunk(chunk.pk, "other", LEASE) is None
        assert store.catalog.count_due_work(LEASE) == 0
        assert store.catalog.extend_lease(chunk.pk, "alive", LEASE)
        clock.now += LEASE / 2
    (leased,) = store.catalog.list_chunks(job.id)
    assert (leased.owner, leased.attempts) == ("alive", 1)


def test_clock_set_back_ends_the_lease_of_a_dead_worker_after_one_lease(store: Store, clock: Clock) -> None:
    _job, (chunk,) = add_planned_job(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "dead", LEASE)
    set_back(store, clock)
    assert store.catalog.lease_chunk(chunk.pk, "other", LEASE) is None
    clock.now += LEASE
    assert store.catalog.count_due_work(LEASE) == 1
    leased = store.catalog.lease_chunk(chunk.pk, "other", LEASE)
    assert leased is not None
    assert leased.attempts == 2


def test_clock_set_back_delays_scheduled_work_by_at_most_one_lease(store: Store, clock: Clock) -> None:
    _, unplanned = add(store, 1)
    _, (chunk,) = add_planned_job(store, 2)
    _job, (done,) = add_planned_job(store, 3)
    assert store.catalog.lease_chunk(done.pk, "dead", LEASE)
    assert store.catalog.finish_chunk(done.pk, "dead", "0" * 64)
    assert store.catalog.lease_chunk(chunk.pk, "failing", LEASE)
    store.catalog.release_chunk(chunk.pk, "failing", "OSError: no", retry_in=LEASE / 4)
    store.catalog.update_job(unplanned.id, retry_in=LEASE / 4)
    set_back(store, clock)
    assert store.catalog.count_due_work(LEASE) == 0
    clock.now += LEASE
    assert store.catalog.count_due_work(LEASE) == 3
    units = [store.catalog.claim_work("w", LEASE, 120.0) for _ in range(4)]
    assert sorted(unit.kind for unit in units if unit is not None) == ["encode", "finish", "plan"]


def test_clock_that_is_correct_changes_no_lease(store: Store, clock: Clock) -> None:
    job, (chunk,) = add_planned_job(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "alive", LEASE)
    before = store.catalog.list_chunks(job.id)
    store.catalog.clamp_future_times(clock.now, LEASE)
    assert store.catalog.list_chunks(job.id) == before
