"""Leases on chunks: one owner at a time, expiry without a heartbeat, and counted attempts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from indexes import Store
from indexes.catalog.records import ChunkRow
from mm.media.types import Span
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, add, add_planned_job


def only_chunk(store: Store, job_id: str) -> ChunkRow:
    (chunk,) = store.catalog.list_chunks(job_id)
    return chunk


def test_plan_job_twice_keeps_first_plan(store: Store) -> None:
    _, job = add(store, 1)
    spans = [Span(0.0, 1.5), Span(1.5, 2.0)]
    chunks = store.catalog.plan_job(job.id, SPACE, spans)
    assert [(c.index, c.start, c.end, c.space, c.attempts, c.done) for c in chunks] == [
        (0, 0.0, 1.5, SPACE, 0, False),
        (1, 1.5, 2.0, SPACE, 0, False),
    ]
    assert store.catalog.plan_job(job.id, SPACE, [Span(0.0, 2.0)]) == chunks == store.catalog.list_chunks(job.id)
    store.catalog.cancel_job(job.id)
    assert store.catalog.plan_job(job.id, SPACE, spans) == []


def test_plan_job_concurrently_keeps_one_plan(store: Store) -> None:
    _, job = add(store, 1)
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(lambda n: store.catalog.plan_job(job.id, SPACE, [Span(0.0, 1.0)] * n), range(1, 5)))
    assert all(plan == plans[0] for plan in plans)


def test_extend_lease_keeps_lease_until_it_expires(store: Store, clock: Clock) -> None:
    job, (chunk,) = add_planned_job(store, 1)
    leased = store.catalog.lease_chunk(chunk.pk, "a", 10.0)
    assert leased is not None
    assert (leased.owner, leased.attempts, leased.leased_until) == ("a", 1, clock.now + 10)
    assert store.catalog.lease_chunk(chunk.pk, "b", 10.0) is None
    clock.now += 9
    assert store.catalog.extend_lease(chunk.pk, "a", 10.0)
    assert not store.catalog.extend_lease(chunk.pk, "b", 10.0)
    clock.now += 9
    assert store.catalog.lease_chunk(chunk.pk, "b", 10.0) is None
    clock.now += 1
    other_lease = store.catalog.lease_chunk(chunk.pk, "b", 10.0)
    assert other_lease is not None
    assert other_lease.attempts == 2
    assert not store.catalog.extend_lease(chunk.pk, "a", 10.0)
    assert not store.catalog.finish_chunk(chunk.pk, "a", "a" * 64)
    store.catalog.release_chunk(chunk.pk, "a", "late")
    assert only_chunk(store, job.id) == other_lease
    assert store.catalog.finish_chunk(chunk.pk, "b", "b" * 64)
    done = only_chunk(store, job.id)
    assert (done.done, done.shard_id, done.error) == (True, "b" * 64, None)
    assert store.catalog.lease_chunk(chunk.pk, "c", 10.0) is None
    assert not store.catalog.extend_lease(chunk.pk, "b", 10.0)


def test_extend_lease_after_expiry_succeeds_without_other_owner(store: Store, clock: Clock) -> None:
    _, (chunk,) = add_planned_job(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "a", 10.0)
    clock.now += 60
    assert store.catalog.extend_lease(chunk.pk, "a", 10.0)
    assert store.catalog.lease_chunk(chunk.pk, "b", 10.0) is None


def test_release_chunk_without_error_does_not_count_attempt(store: Store) -> None:
    job, (chunk,) = add_planned_job(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "a", 60.0)
    store.catalog.release_chunk(chunk.pk, "a", None)
    assert (only_chunk(store, job.id).attempts, only_chunk(store, job.id).owner) == (0, None)
    assert store.catalog.lease_chunk(chunk.pk, "b", 60.0)
    store.catalog.release_chunk(chunk.pk, "b", "RuntimeError: no")
    released = only_chunk(store, job.id)
    assert (released.attempts, released.error, released.owner) == (1, "RuntimeError: no", None)
    store.catalog.release_chunk(chunk.pk, "b", None)
    assert only_chunk(store, job.id) == released


def test_cancel_job_ends_leases_of_chunks(store: Store) -> None:
    job, (chunk, other) = add_planned_job(store, 1, 2)
    assert store.catalog.lease_chunk(chunk.pk, "a", 60.0)
    store.catalog.cancel_job(job.id)
    assert not store.catalog.extend_lease(chunk.pk, "a", 60.0)
    assert not store.catalog.finish_chunk(chunk.pk, "a", "0" * 64)
    assert store.catalog.lease_chunk(other.pk, "a", 60.0) is None


def test_lease_of_unknown_chunk_returns_none(store: Store) -> None:
    assert store.catalog.lease_chunk(10**9, "a", 1.0) is None
    assert not store.catalog.extend_lease(10**9, "a", 1.0)
    assert not store.catalog.finish_chunk(10**9, "a", "0" * 64)
    store.catalog.release_chunk(10**9, "a", None)
    assert store.catalog.list_chunks("job_nosuch") == []


def test_lease_chunk_concurrently_succeeds_once(store: Store) -> None:
    job, chunks = add_planned_job(store, 1, 4)
    with ThreadPoolExecutor(8) as pool:
        for chunk in chunks:
            rows = list(pool.map(lambda owner, pk=chunk.pk: store.catalog.lease_chunk(pk, owner, 60.0), "abcdefgh"))
            assert sum(row is not None for row in rows) == 1
    assert [chunk.attempts for chunk in store.catalog.list_chunks(job.id)] == [1] * 4


def test_record_heartbeat_stores_latest_time(store: Store) -> None:
    assert store.catalog.get_last_heartbeat() is None
    store.catalog.record_heartbeat("a", 100.0)
    store.catalog.record_heartbeat("b", 90.0)
    store.catalog.record_heartbeat("b", 95.0)
    assert store.catalog.get_last_heartbeat() == 100.0
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(store.catalog.record_heartbeat, "c", 100.0 + i) for i in range(8)]:
            done.result()
    assert store.catalog.get_last_heartbeat() is not None
    assert store.catalog.get_last_heartbeat() >= 100.0  # type: ignore[operator]


class Leases(RuleBasedStateMachine):
    """Any order of calls by three workers, compared with a model of the lease."""

    store: Store
    clock: Clock

    @initialize()
    def plan(self) -> None:
        Leases.count = getattr(Leases, "count", 0) + 1
        self.job, (self.chunk,) = add_planned_job(self.store, f"machine {Leases.count}")
        self.owner: str | None = None
        self.until = 0.0
        self.attempts = 0
        self.done = self.over = False

    @rule(owner=st.sampled_from("abc"), seconds=st.sampled_from([1.0, 5.0]))
    def lease(self, owner: str, seconds: float) -> None:
        is_free = not self.done and not self.over and (self.until <= self.clock.now or self.owner == owner)
        row = self.store.catalog.lease_chunk(self.chunk.pk, owner, seconds)
        assert (row is not None) == is_free
        if row is not None:
            self.owner, self.until, self.attempts = owner, self.clock.now + seconds, self.attempts + 1
            assert row.attempts == self.attempts

    @rule(owner=st.sampled_from("abc"))
    def extend(self, owner: str) -> None:
        is_leased = self.owner == owner and not self.done and not self.over
        assert self.store.catalog.extend_lease(self.chunk.pk, owner, 5.0) == is_leased
        if is_leased:
            self.until = self.clock.now + 5.0

    @rule(owner=st.sampled_from("abc"), error=st.sampled_from([None, "broken"]))
    def release(self, owner: str, error: str | None) -> None:
        self.store.catalog.release_chunk(self.chunk.pk, owner, error)
        if self.owner == owner and not self.done:
            self.owner, self.until = None, 0.0
            self.attempts -= error is None

    @rule(owner=st.sampled_from("abc"))
    def finish(self, owner: str) -> None:
        is_leased = self.owner == owner and not self.done and not self.over
        assert self.store.catalog.finish_chunk(self.chunk.pk, owner, "0" * 64) == is_leased
        if is_leased:
            self.done, self.owner, self.until = True, None, 0.0

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: not self.over)
    @rule()
    def cancel(self) -> None:
        self.store.catalog.cancel_job(self.job.id)
        self.over = True

    def teardown(self) -> None:
        if hasattr(self, "job"):
            row = only_chunk(self.store, self.job.id)
            assert (row.attempts, row.owner, row.done) == (self.attempts, self.owner, self.done)


def test_leases_in_any_order_match_model(store: Store, clock: Clock) -> None:
    machine = type("Machine", (Leases,), {"store": store, "clock": clock})
    machine.TestCase.settings = hypothesis_settings(max_examples=20, stateful_step_count=15, deadline=None)
    machine.TestCase("runTest").debug()
