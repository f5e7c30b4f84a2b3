"""The clock is set back by an hour: no lease is stolen from a worker that lives, none is held for a dead one, no bell is late."""

from __future__ import annotations

from indexes import Store
from indexes.rows import RingRow
from tests.indexes.conftest import Clock
from tests.indexes.library import add, planned

LEASE = 60.0
SILENT = 15.0
HOUR = 3600.0


def set_back(store: Store, clock: Clock) -> None:
    """What a sweeper sees to at its next round."""
    clock.now -= HOUR
    store.catalog.pull_back(clock.now, LEASE)


def test_a_worker_that_lives_keeps_its_lease(store: Store, clock: Clock) -> None:
    job, (chunk,) = planned(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "alive", LEASE)
    set_back(store, clock)
    for _ in range(10):
        assert store.catalog.lease_chunk(chunk.pk, "other", LEASE) is None
        assert store.catalog.jobs_to_ring(clock.now, SILENT) == []
        assert store.catalog.heartbeat(chunk.pk, "alive", LEASE)
        clock.now += LEASE / 2
    (held,) = store.catalog.chunks(job.id)
    assert (held.owner, held.attempts) == ("alive", 1)


def test_a_worker_that_is_dead_loses_it_after_one_lease(store: Store, clock: Clock) -> None:
    job, (chunk,) = planned(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "dead", LEASE)
    set_back(store, clock)
    assert store.catalog.lease_chunk(chunk.pk, "other", LEASE) is None
    clock.now += LEASE
    assert store.catalog.jobs_to_ring(clock.now, SILENT) == [RingRow("encode", job.id, chunk.pk)]
    taken = store.catalog.lease_chunk(chunk.pk, "other", LEASE)
    assert taken is not None
    assert taken.attempts == 2


def test_lost_bells_are_rung_as_soon_as_ever(store: Store, clock: Clock) -> None:
    _, unplanned = add(store, 1)
    job, (chunk,) = planned(store, 2)
    clock.now += SILENT
    assert len(store.catalog.jobs_to_ring(clock.now, SILENT)) == 2
    set_back(store, clock)
    assert store.catalog.jobs_to_ring(clock.now, SILENT) == []
    clock.now += SILENT
    assert set(store.catalog.jobs_to_ring(clock.now, SILENT)) == {
        RingRow("plan", unplanned.id),
        RingRow("encode", job.id, chunk.pk),
    }


def test_a_clock_that_is_right_changes_nothing(store: Store, clock: Clock) -> None:
    job, (chunk,) = planned(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "alive", LEASE)
    before = store.catalog.chunks(job.id)
    store.catalog.pull_back(clock.now, LEASE)
    assert store.catalog.chunks(job.id) == before
