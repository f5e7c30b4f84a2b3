"""Jobs: each change is an event, events are in order, and a final state does not change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.records import NewSegment
from mm.schemas import FINAL_STATES, JobState
from tests.indexes.library import add, add_planned_job


def test_update_job_adds_event_with_increasing_id(store: Store) -> None:
    _, job = add(store, 1)
    _, other = add(store, 2)
    store.catalog.update_job(job.id, state="running", stage="cutting")
    store.catalog.update_job(other.id, stage="x")
    store.catalog.update_job(job.id, state="running", stage="cutting")
    store.catalog.update_job(job.id, progress=0.5)
    events = store.catalog.list_events_after(job.id, 0, 100)
    assert [(e.state, e.progress, e.stage) for e in events] == [
        ("queued", 0.0, "waiting"),
        ("running", 0.0, "cutting"),
        ("running", 0.0, "cutting"),
        ("running", 0.5, "cutting"),
    ]
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert store.catalog.list_events_after(job.id, ids[1], 1) == events[2:3]
    assert store.catalog.list_events_after(job.id, ids[-1], 10) == []
    assert store.catalog.list_events_after("job_nosuch", 0, 10) == []


@pytest.mark.parametrize("end", sorted(FINAL_STATES))
def test_update_job_after_end_changes_nothing(store: Store, end: JobState) -> None:
    _, job = add(store, 1)
    store.catalog.update_job(job.id, state=end, error=None if end == "done" else "why")
    events = store.catalog.list_events_after(job.id, 0, 10)
    for late in ("queued", "running", "failed", "done"):
        store.catalog.update_job(job.id, state=late, progress=0.9, stage="late", error="late")  # type: ignore[arg-type]
    store.catalog.cancel_job(job.id)
    store.catalog.quarantine_job(job.id, "late")
    assert store.catalog.list_events_after(job.id, 0, 10) == events
    assert not store.catalog.commit_item(job.id, [NewSegment(0, 1, 0, [])])
    ended = store.catalog.get_job(job.id)
    assert ended is not None
    assert (ended.state, ended.is_final, ended.progress) == (end, True, 1.0 if end == "done" else 0.0)


def test_update_of_unknown_job_changes_nothing(store: Store) -> None:
    store.catalog.update_job("job_nosuch", state="running")
    store.catalog.cancel_job("job_nosuch")
    store.catalog.quarantine_job("job_nosuch", "x")
    assert store.catalog.get_job("job_nosuch") is None
    assert store.catalog.get_item_of_job("job_nosuch") is None
    assert store.catalog.plan_job("job_nosuch", add_planned_job(store, 1)[1][0].space, []) == []


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(st.floats(0, 1), max_size=6), seed=st.integers(0, 1 << 60))
def test_update_job_progress_never_decreases(sqlite_store: Store, reports: list[float], seed: int) -> None:
    _, job = add(sqlite_store, f"{seed} {reports}")
    for progress in reports:
        sqlite_store.catalog.update_job(job.id, progress=progress)
    progress_values = [event.progress for event in sqlite_store.catalog.list_events_after(job.id, 0, 100)]
    assert progress_values == sorted(progress_values)
    assert progress_values[-1] == max([0.0, *reports])


def test_list_jobs_returns_latest_first(store: Store) -> None:
    ids = [add(store, seed)[1].id for seed in range(4)]
    assert [job.id for job in store.catalog.list_jobs(3)] == ids[:0:-1]


def test_update_job_concurrently_adds_ordered_events(store: Store) -> None:
    _, job = add(store, 1)
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(store.catalog.update_job, job.id, progress=i / 30) for i in range(30)]:
            done.result()
    events = store.catalog.list_events_after(job.id, 0, 100)
    assert len(events) == 31
    assert [event.progress for event in events] == sorted(event.progress for event in events)


def test_delete_item_during_updates_does_not_deadlock(store: Store) -> None:
    jobs = [add(store, seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(store.catalog.update_job, job.id, state="failed", error="x") for _, job in jobs]
        work += [pool.submit(store.catalog.delete_item, item.id) for item, _ in jobs]  # type: ignore[arg-type]
        for done in work:
            done.result()
    assert store.catalog.count_rows().items == 0
    assert all(job.is_final for job in store.catalog.list_jobs(10))
