"""Jobs: every change is an event, an end is an end, and what was lost is rung once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store
from indexes.rows import NewSegment, RingRow
from mm.schemas import FINAL_STATES, JobState
from tests.indexes.conftest import Clock
from tests.indexes.library import add, planned

SILENT = 15.0


def test_every_change_is_an_event_with_a_growing_id(store: Store) -> None:
    _, job = add(store, 1)
    _, other = add(store, 2)
    store.catalog.update_job(job.id, state="running", stage="cutting")
    store.catalog.update_job(other.id, stage="x")
    store.catalog.update_job(job.id, state="running", stage="cutting")
    store.catalog.update_job(job.id, progress=0.5)
    events = store.catalog.events_after(job.id, 0, 100)
    assert [(e.state, e.progress, e.stage) for e in events] == [
        ("queued", 0.0, "waiting"),
        ("running", 0.0, "cutting"),
        ("running", 0.0, "cutting"),
        ("running", 0.5, "cutting"),
    ]
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert store.catalog.events_after(job.id, ids[1], 1) == events[2:3]
    assert store.catalog.events_after(job.id, ids[-1], 10) == []
    assert store.catalog.events_after("job_nosuch", 0, 10) == []


@pytest.mark.parametrize("end", sorted(FINAL_STATES))
def test_an_end_is_an_end(store: Store, end: JobState) -> None:
    _, job = add(store, 1)
    store.catalog.update_job(job.id, state=end, error=None if end == "done" else "why")
    events = store.catalog.events_after(job.id, 0, 10)
    for late in ("queued", "running", "failed", "done"):
        store.catalog.update_job(job.id, state=late, progress=0.9, stage="late", error="late")  # type: ignore[arg-type]
    store.catalog.cancel_job(job.id)
    store.catalog.quarantine(job.id, "late")
    assert store.catalog.events_after(job.id, 0, 10) == events
    assert not store.catalog.commit_item(job.id, [NewSegment(0, 1, 0, [])])
    ended = store.catalog.get_job(job.id)
    assert ended is not None
    assert (ended.state, ended.final, ended.progress) == (end, True, 1.0 if end == "done" else 0.0)


def test_a_job_that_is_gone_is_left_alone(store: Store) -> None:
    store.catalog.update_job("job_nosuch", state="running")
    store.catalog.cancel_job("job_nosuch")
    store.catalog.quarantine("job_nosuch", "x")
    assert store.catalog.get_job("job_nosuch") is None
    assert store.catalog.item_of_job("job_nosuch") is None
    assert store.catalog.plan_job("job_nosuch", planned(store, 1)[1][0].space, []) == []


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(st.floats(0, 1), max_size=6), seed=st.integers(0, 1 << 60))
def test_progress_only_grows(sqlite_store: Store, reports: list[float], seed: int) -> None:
    _, job = add(sqlite_store, f"{seed} {reports}")
    for progress in reports:
        sqlite_store.catalog.update_job(job.id, progress=progress)
    seen = [event.progress for event in sqlite_store.catalog.events_after(job.id, 0, 100)]
    assert seen == sorted(seen)
    assert seen[-1] == max([0.0, *reports])


def test_latest_jobs_come_first(store: Store) -> None:
    ids = [add(store, seed)[1].id for seed in range(4)]
    assert [job.id for job in store.catalog.list_jobs(3)] == ids[:0:-1]


def test_updates_of_one_job_from_all_sides_are_ordered_events(store: Store) -> None:
    _, job = add(store, 1)
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(store.catalog.update_job, job.id, progress=i / 30) for i in range(30)]:
            done.result()
    events = store.catalog.events_after(job.id, 0, 100)
    assert len(events) == 31
    assert [event.progress for event in events] == sorted(event.progress for event in events)


def test_a_delete_amid_updates_blocks_nothing(store: Store) -> None:
    jobs = [add(store, seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(store.catalog.update_job, job.id, state="failed", error="x") for _, job in jobs]
        work += [pool.submit(store.catalog.delete_item, item.id) for item, _ in jobs]  # type: ignore[arg-type]
        for done in work:
            done.result()
    assert store.catalog.counts().items == 0
    assert all(job.final for job in store.catalog.list_jobs(10))


def ring(store: Store, clock: Clock) -> list[RingRow]:
    return store.catalog.jobs_to_ring(clock.now, SILENT)


def test_a_silent_job_is_rung_for_its_next_step_and_once(store: Store, clock: Clock) -> None:
    _, job = add(store, 1)
    assert ring(store, clock) == []
    clock.now += SILENT
    assert ring(store, clock) == [RingRow("plan", job.id)]
    assert ring(store, clock) == [], "it was rung just now"
    clock.now += SILENT
    assert ring(store, clock) == [RingRow("plan", job.id)]

    job, chunks = planned(store, 1, 2)
    assert ring(store, clock) == []
    clock.now += SILENT
    assert ring(store, clock) == [RingRow("encode", job.id, chunk.pk) for chunk in chunks]
    for chunk in chunks:
        assert store.catalog.lease_chunk(chunk.pk, "w", 2 * SILENT)
    clock.now += SILENT
    assert ring(store, clock) == [], "both are worked on"
    for chunk in chunks:
        assert store.catalog.finish_chunk(chunk.pk, "w", "0" * 64)
    assert ring(store, clock) == []
    clock.now += SILENT
    assert ring(store, clock) == [RingRow("finish", job.id)]
    assert ring(store, clock) == []
    assert store.catalog.commit_item(job.id, [])
    clock.now += 10 * SILENT
    assert ring(store, clock) == []


def test_a_lease_that_ran_out_is_rung_at_once_and_then_in_turn(store: Store, clock: Clock) -> None:
    job, (chunk,) = planned(store, 1)
    assert store.catalog.lease_chunk(chunk.pk, "w", 1.0)
    assert ring(store, clock) == []
    clock.now += 1.5
    assert ring(store, clock) == [RingRow("encode", job.id, chunk.pk)]
    assert ring(store, clock) == []
    clock.now += SILENT - 1
    assert ring(store, clock) == []
    clock.now += 1
    assert ring(store, clock) == [RingRow("encode", job.id, chunk.pk)]


@pytest.mark.parametrize("end", sorted(FINAL_STATES))
def test_what_is_over_is_not_rung(store: Store, clock: Clock, end: JobState) -> None:
    _, job = add(store, 1)
    busy, (chunk,) = planned(store, 2)
    assert store.catalog.lease_chunk(chunk.pk, "w", 1.0)
    for job_id in (job.id, busy.id):
        store.catalog.update_job(job_id, state=end)
    clock.now += 100 * SILENT
    assert ring(store, clock) == []


def test_many_sweepers_ring_each_bell_once(store: Store, clock: Clock) -> None:
    wanted = {add(store, seed)[1].id for seed in range(10)}
    clock.now += SILENT
    with ThreadPoolExecutor(6) as pool:
        rung = [row.job_id for rows in pool.map(lambda _: ring(store, clock), range(6)) for row in rows]
    assert sorted(rung) == sorted(wanted)
