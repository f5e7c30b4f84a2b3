"""Reindexing: every item stays searchable, and no item is encoded twice."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.records import ItemFilters, ItemRow, JobRow, NamedSpace, NewEvidence, NewSegment, ReindexRow
from mm.errors import Conflict, SpaceMismatch
from mm.media.types import Span
from mm.spaces.types import SpaceId
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, add, publish

HERE = NamedSpace("lite", SPACE)
THERE = NamedSpace("openclip:a/b", SpaceId("openclip-a-0123", 1))
LARGE = 1000
WINDOW = 3


def start(store: Store) -> ReindexRow:
    return store.catalog.start_reindex(HERE, THERE)


def new_segments(store: Store, space: SpaceId) -> list[NewSegment]:
    shard_id = store.shards.write(space, {"picture": np.ones((1, 8), np.float16)}, [secrets.token_hex(4)])
    return [NewSegment(0.0, 1.0, 0, [NewEvidence("picture", 0.0, 1.0, None, shard_id, 0)])]


def encode(store: Store, job: JobRow, space: SpaceId = THERE.id) -> bool:
    """Plan, encode and commit a job, as a worker does."""
    (chunk,) = store.catalog.plan_job(job.id, space, [Span(0.0, 1.0)])
    assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    segments = new_segments(store, space)
    assert store.catalog.finish_chunk(chunk.pk, "test", segments[0].evidence[0].shard_id)
    return store.catalog.commit_item(job.id, segments)


def add_library(store: Store, count: int) -> list[ItemRow]:
    rng = np.random.default_rng(0)
    return [publish(store, seed, rng, segments=2) for seed in range(count)]


def searchable(store: Store, space: SpaceId) -> int:
    return store.catalog.count_items_by_space().get(space, 0)


def state(store: Store) -> tuple[str, str | None]:
    reindex = store.catalog.get_latest_reindex()
    assert reindex is not None
    return reindex.state, reindex.error


def counts(store: Store) -> tuple[int, int, int]:
    reindex = store.catalog.get_latest_reindex()
    assert reindex is not None
    progress = store.catalog.count_reindexed(reindex)
    return progress.items, progress.reindexed, progress.failed


def test_reindex_actions_without_reindex_are_refused(store: Store) -> None:
    assert store.catalog.get_library_space() is None
    assert store.catalog.get_latest_reindex() is None
    assert store.catalog.create_reindex_jobs(WINDOW) == []
    assert not store.catalog.finish_reindex()
    for change in (store.catalog.stop_reindex, store.catalog.undo_reindex, lambda: store.catalog.resume_reindex(leave_out=False)):
        with pytest.raises(Conflict, match="No reindex is in progress"):
            change()


def test_reindex_creates_jobs_in_batches_and_changes_space_at_end(store: Store) -> None:
    add_library(store, 5)
    add(store, "being encoded")
    start(store)
    item_ids: set[str] = set()
    while jobs := store.catalog.create_reindex_jobs(WINDOW):
        assert len(jobs) <= WINDOW
        assert store.catalog.create_reindex_jobs(WINDOW) == [], "the limit of open jobs is reached"
        assert not store.catalog.finish_reindex()
        assert store.catalog.get_library_space() is None
        item_ids |= {job.item_id for job in jobs}
        assert all(encode(store, job) for job in jobs)
    assert len(item_ids) == 5
    assert counts(store) == (5, 5, 0)
    assert store.catalog.finish_reindex()
    assert store.catalog.get_library_space() == THERE
    assert state(store) == ("done", None)
    assert store.catalog.count_items_by_space() == {SPACE: 5, THERE.id: 5}
    assert not store.catalog.finish_reindex()


def test_reindex_jobs_are_not_listed_or_counted_as_uploads(store: Store) -> None:
    (item,) = add_library(store, 1)
    upload = store.catalog.list_jobs(10)
    start(store)
    (job,) = store.catalog.create_reindex_jobs(WINDOW)
    assert job.reindex_pk is not None
    assert store.catalog.list_jobs(10) == upload
    assert store.catalog.count_waiting_jobs() == 0
    assert store.catalog.count_rows().jobs["queued"] == 0
    store.catalog.update_job(job.id, state="running")
    again, its_job, _ = add_again(store, item)
    assert (again.status, its_job.id) == ("ready", upload[0].id)
    assert store.catalog.read_queue_status().waiting_chunks == 0
    store.catalog.update_job(job.id, state="failed", error="it cannot be read")
    unchanged = store.catalog.get_item(item.id)
    assert unchanged is not None
    assert (unchanged.status, unchanged.error) == ("ready", None)


def add_again(store: Store, item: ItemRow) -> tuple[ItemRow, JobRow, bool]:
    from tests.indexes.library import new_item

    return store.catalog.add_item(new_item(0, sha256=item.sha256))


def test_reindex_jobs_are_served_after_uploads(store: Store) -> None:
    add_library(store, 1)
    start(store)
    (job,) = store.catalog.create_reindex_jobs(WINDOW)
    store.catalog.plan_job(job.id, THERE.id, [Span(0.0, 1.0)])
    uploads = [add(store, f"upload {number}")[1].id for number in range(3)]
    units = [store.catalog.claim_work("w", 60.0, 120.0) for _ in range(5)]
    assert [unit and list(unit.job_ids) for unit in units] == [*([upload] for upload in uploads), [job.id], None]


def test_stop_reindex_ends_leases_and_resume_continues(store: Store, clock: Clock) -> None:
    add_library(store, 5)
    start(store)
    first, second, third = store.catalog.create_reindex_jobs(WINDOW)
    assert encode(store, first)
    done, leased = store.catalog.plan_job(second.id, THERE.id, [Span(0.0, 1.0), Span(1.0, 2.0)])
    for chunk in (done, leased):
        assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    segments = new_segments(store, THERE.id)
    shard_id = segments[0].evidence[0].shard_id
    store.catalog.stop_reindex()
    assert store.catalog.create_reindex_jobs(WINDOW) == []
    assert not store.catalog.extend_lease(leased.pk, "test", 60.0), "its worker has to stop"
    store.catalog.release_chunk(leased.pk, "test", None)
    assert store.catalog.finish_chunk(done.pk, "test", shard_id), "a chunk that was completed meanwhile is not lost"
    assert store.catalog.lease_chunk(leased.pk, "test", 60.0) is None
    clock.now += 1000
    assert store.catalog.count_due_work(60.0) == 0
    assert not store.catalog.finish_reindex()
    with pytest.raises(Conflict, match="stopped"):
        store.catalog.stop_reindex()
    with pytest.raises(Conflict, match="is being reindexed"):
        start(store)
    store.catalog.resume_reindex(leave_out=False)
    assert store.catalog.count_due_work(60.0) == 2
    assert store.catalog.lease_chunk(leased.pk, "test", 60.0)
    assert store.catalog.finish_chunk(leased.pk, "test", shard_id)
    assert store.catalog.commit_item(second.id, segments)
    assert encode(store, third)
    jobs = store.catalog.create_reindex_jobs(WINDOW)
    assert len(jobs) == 2
    assert all(encode(store, job) for job in jobs)
    assert store.catalog.finish_reindex()
    assert searchable(store, THERE.id) == 5


def test_undo_reindex_keeps_space_and_encoded_items(store: Store) -> None:
    add_library(store, 4)
    start(store)
    first, second, third = store.catalog.create_reindex_jobs(WINDOW)
    assert encode(store, first)
    store.catalog.undo_reindex()
    assert not store.catalog.plan_job(second.id, THERE.id, [Span(0.0, 1.0)])
    assert store.catalog.get_job(third.id) is None
    assert not store.catalog.finish_reindex()
    assert (store.catalog.get_library_space(), state(store)[0]) == (None, "undone")
    assert {item.status for item in store.catalog.list_items(filters(), 10)[0]} == {"ready"}
    start(store)
    jobs = store.catalog.create_reindex_jobs(LARGE)
    assert len(jobs) == 3
    assert first.item_id not in {job.item_id for job in jobs}


def filters() -> ItemFilters:
    return ItemFilters()


def test_reindex_back_encodes_only_new_items(store: Store) -> None:
    add_library(store, 3)
    start(store)
    assert all(encode(store, job) for job in store.catalog.create_reindex_jobs(LARGE))
    assert store.catalog.finish_reindex()
    _, upload = add(store, "new")
    assert encode(store, upload, THERE.id)
    store.catalog.start_reindex(THERE, HERE)
    (job,) = store.catalog.create_reindex_jobs(LARGE)
    assert job.item_id == upload.item_id
    assert encode(store, job, HERE.id)
    assert store.catalog.finish_reindex()
    assert store.catalog.get_library_space() == HERE


def test_reindex_handles_uploads_and_deletes(store: Store) -> None:
    items = add_library(store, 3)
    start(store)
    jobs = {job.item_id: job for job in store.catalog.create_reindex_jobs(LARGE)}
    store.catalog.delete_item(items[0].id)
    deleted = store.catalog.get_job(jobs.pop(items[0].id).id)
    assert deleted is not None
    assert deleted.state == "cancelled"
    assert all(encode(store, job) for job in jobs.values())
    publish(store, "new", np.random.default_rng(1))
    store.catalog.delete_item(items[1].id)
    assert not store.catalog.finish_reindex(), "the new item is not in the target yet"
    (job,) = store.catalog.create_reindex_jobs(LARGE)
    assert encode(store, job)
    assert store.catalog.finish_reindex(), "a deleted item does not delay the end"
    assert searchable(store, THERE.id) == 2


def test_commit_item_for_previous_space_raises_and_is_replanned(store: Store) -> None:
    add_library(store, 1)
    _, upload = add(store, "slow")
    (chunk,) = store.catalog.plan_job(upload.id, SPACE, [Span(0.0, 1.0)])
    assert store.catalog.lease_chunk(chunk.pk, "test", 60.0)
    start(store)
    assert all(encode(store, job) for job in store.catalog.create_reindex_jobs(LARGE))
    assert store.catalog.finish_reindex()
    segments = new_segments(store, SPACE)
    assert store.catalog.finish_chunk(chunk.pk, "test", segments[0].evidence[0].shard_id)
    with pytest.raises(SpaceMismatch, match=str(THERE.id)):
        store.catalog.commit_item(upload.id, segments)
    assert searchable(store, SPACE) == 1
    store.catalog.replan_job(upload.id)
    assert store.catalog.list_chunks(upload.id) == []
    assert encode(store, upload, THERE.id)
    assert searchable(store, THERE.id) == 2


def test_reindex_with_failed_items_stops_until_retried_or_left_out(store: Store) -> None:
    add_library(store, 3)
    start(store)
    bad, *good = store.catalog.create_reindex_jobs(LARGE)
    store.catalog.quarantine_job(bad.id, "it cannot be read")
    assert all(encode(store, job) for job in good)
    assert store.catalog.finish_reindex()
    current, reason = state(store)
    assert current == "stopped"
    assert reason is not None
    assert reason.startswith("1 items")
    assert "it cannot be read" in reason
    assert counts(store) == (3, 2, 1)
    assert store.catalog.get_library_space() is None
    store.catalog.resume_reindex(leave_out=False)
    (again,) = store.catalog.create_reindex_jobs(LARGE)
    assert again.item_id == bad.item_id
    store.catalog.update_job(again.id, state="failed", error="it cannot be read")
    assert store.catalog.finish_reindex()
    store.catalog.resume_reindex(leave_out=True)
    assert store.catalog.create_reindex_jobs(LARGE) == []
    assert store.catalog.finish_reindex()
    assert state(store) == ("done", None)
    assert store.catalog.get_library_space() == THERE


def test_drop_space_of_unused_space_releases_its_shards(store: Store) -> None:
    add_library(store, 3)
    before = shards(store)
    start(store)
    with pytest.raises(Conflict, match="is being reindexed"):
        store.catalog.drop_space(SPACE, LARGE)
    assert all(encode(store, job) for job in store.catalog.create_reindex_jobs(LARGE))
    assert store.catalog.finish_reindex()
    with pytest.raises(Conflict, match="cannot be dropped"):
        store.catalog.drop_space(THERE.id, LARGE)
    head = store.catalog.get_head()
    assert [store.catalog.drop_space(SPACE, 2) for _ in range(3)] == [2, 1, 0]
    assert store.catalog.count_items_by_space() == {THERE.id: 3}
    assert len(store.catalog.get_changes_after(head, SPACE, LARGE).tombstones) == 3
    assert store.catalog.find_unreferenced_shards(sorted(before)) == before
    assert store.catalog.find_unreferenced_shards(sorted(shards(store) - before)) == set()
    assert len(store.catalog.list_items(filters(), 10)[0]) == 3


def shards(store: Store) -> set[str]:
    return {path.stem for path in (store.settings.root / "shards").rglob("*.safetensors")}


def test_start_reindex_to_same_space_is_refused(store: Store) -> None:
    with pytest.raises(Conflict, match="already"):
        store.catalog.start_reindex(HERE, HERE)


def test_create_reindex_jobs_concurrently_creates_one_per_item(store: Store) -> None:
    add_library(store, 12)
    start(store)
    with ThreadPoolExecutor(4) as pool:
        item_ids = [job.item_id for jobs in pool.map(lambda _: store.catalog.create_reindex_jobs(8), range(4)) for job in jobs]
    assert len(item_ids) == len(set(item_ids)) == 8


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.sampled_from(["add", "delete", "start", "stop", "resume", "undo", "feed", "do", "fail", "end"]), max_size=30
    )
)
def test_reindex_any_order_of_actions_keeps_all_items_searchable(sqlite_store: Store, steps: list[str]) -> None:
    """Failed items stop the reindex, and all items stay searchable in the space of the library."""
    catalog, rng = sqlite_store.catalog, np.random.default_rng(len(steps))
    waiting: list[JobRow] = []
    for step in steps:
        now, reindex = catalog.get_library_space() or HERE, catalog.get_latest_reindex()
        try:
            match step:
                case "add":
                    publish(sqlite_store, secrets.token_hex(8), rng, segments=1, space=now.id)
                case "delete" if items := catalog.list_items(filters(), 1)[0]:
                    catalog.delete_item(items[0].id)
                case "start":
                    catalog.start_reindex(now, THERE if now == HERE else HERE)
                case "stop":
                    catalog.stop_reindex()
                case "resume":
                    catalog.resume_reindex(leave_out=False)
                case "undo":
                    catalog.undo_reindex()
                case "feed":
                    waiting += catalog.create_reindex_jobs(WINDOW)
                case "do" if waiting and reindex:
                    job = waiting.pop()
                    if catalog.plan_job(job.id, reindex.target.id, [Span(0.0, 1.0)]):
                        encode(sqlite_store, job, reindex.target.id)
                case "fail" if waiting:
                    catalog.update_job(waiting.pop().id, state="failed", error="why")
                case "end":
                    catalog.finish_reindex()
        except Conflict:
            assert step in {"start", "stop", "resume", "undo"}
    items = catalog.list_items(filters(), LARGE)[0]
    assert searchable(sqlite_store, (catalog.get_library_space() or HERE).id) == len(items)
    assert {item.status for item in items} <= {"ready"}
