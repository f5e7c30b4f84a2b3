"""Items: added, retried, listed and deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from indexes import Store
from indexes.catalog.items import MAX_TAGS
from indexes.catalog.records import ItemFilters, NewItem
from mm.errors import InvalidInput
from mm.schemas import JobState
from tests.indexes.conftest import Clock
from tests.indexes.library import SPACE, add, add_planned_job, new_item, publish

ALL = ItemFilters()


def test_add_item_stores_all_values(store: Store, clock: Clock) -> None:
    new = new_item("größe", tags=["b", "a", "b"], name="Größe \U0001f600.mp4", size=8 << 30)
    item, job, created = store.catalog.add_item(new)
    assert created
    assert item == store.catalog.get_item(item.id) == store.catalog.get_item_of_job(job.id)
    assert item.id == new.sha256[:32]
    assert (item.sha256, item.name, item.size, item.tags) == (new.sha256, new.name, 8 << 30, ("a", "b"))
    assert (item.status, item.error) == ("processing", None)
    assert item.created_at == datetime.fromtimestamp(clock.now, UTC)
    assert item.created_at.tzinfo is not None
    assert (job.item_id, job.state, job.progress, job.is_final) == (item.id, "queued", 0.0, False)


def test_add_item_same_bytes_adds_tags_to_existing_item(store: Store) -> None:
    first, job, _ = store.catalog.add_item(new_item(1, tags=["x"]))
    again, same, created = store.catalog.add_item(new_item(1, tags=["y", "x"], name="other.mp4"))
    assert not created
    assert same == job
    assert (again.name, again.tags) == (first.name, ("x", "y"))
    assert store.catalog.count_rows().items == 1


@pytest.mark.parametrize("end", ["failed", "quarantined", "cancelled"])
def test_add_item_of_ended_item_creates_new_job(store: Store, end: JobState) -> None:
    item, job = add(store, 1)
    store.catalog.update_job(job.id, state=end, error="broken")
    ended = store.catalog.get_item(item.id)
    assert ended is not None
    assert (ended.status, ended.error) == (end, "broken")
    again, other, created = store.catalog.add_item(new_item(1))
    assert not created
    assert (again.status, again.error, other.state, other.progress) == ("processing", None, "queued", 0.0)
    assert other.id != job.id


@pytest.mark.parametrize("end", ["failed", "quarantined", "cancelled"])
def test_retry_item_of_ended_item_creates_new_job(store: Store, end: JobState) -> None:
    item, job = add(store, 1)
    store.catalog.update_job(job.id, state=end, error="broken")
    retried = store.catalog.retry_item(item.id, "request-7")
    assert retried is not None
    again, other = retried
    assert (again.id, again.status, again.error) == (item.id, "processing", None)
    assert (other.state, other.progress, other.error, other.request_id) == ("queued", 0.0, None, "request-7")
    assert other.id != job.id
    assert store.catalog.retry_item(item.id, None) == (again, other)


def test_retry_item_of_ready_item_changes_nothing(store: Store) -> None:
    item = publish(store, 1, np.random.default_rng(0))
    retried = store.catalog.retry_item(item.id, None)
    assert retried is not None
    assert (retried[0], retried[1].state) == (store.catalog.get_item(item.id), "done")


@pytest.mark.parametrize("item_id", ["", "x", "0" * 32])
def test_retry_item_of_unknown_item_returns_none(store: Store, item_id: str) -> None:
    assert store.catalog.retry_item(item_id, None) is None


def test_add_item_of_ready_item_keeps_job(store: Store) -> None:
    item = publish(store, 1, np.random.default_rng(0))
    again, job, created = store.catalog.add_item(new_item(1))
    assert (created, again.status, job.state) == (False, "ready", "done")
    assert again.id == item.id


def test_add_item_same_bytes_concurrently_creates_one_item(store: Store) -> None:
    def send(number: int) -> tuple[str, str, bool]:
        item, job, created = store.catalog.add_item(new_item(1, tags=[f"t{number}"]))
        return item.id, job.id, created

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(send, range(8)))
    assert len({(item, job) for item, job, _ in results}) == 1
    assert [created for _, _, created in results].count(True) == 1
    item = store.catalog.get_item(results[0][0])
    assert item is not None
    assert len(item.tags) == 8


@pytest.mark.parametrize("item_id", ["", "0" * 32, "no-such", "\0", "A" * 32, "' OR 1=1", "\ud800"])
def test_get_item_of_unknown_id_returns_none(store: Store, item_id: str) -> None:
    assert store.catalog.get_item(item_id) is None


def test_list_items_continues_after_concurrent_changes(store: Store) -> None:
    ids = [add(store, seed)[0].id for seed in range(5)]
    page, cursor = store.catalog.list_items(ALL, 2, None)
    listed = [item.id for item in page]
    add(store, "new")
    store.catalog.delete_item(ids[0])
    while cursor is not None:
        page, cursor = store.catalog.list_items(ALL, 2, cursor)
        listed += [item.id for item in page]
    assert listed == [ids[4], ids[3], ids[2], ids[1]]


def test_list_items_full_last_page_has_no_cursor(store: Store) -> None:
    add(store, 1)
    add(store, 2)
    page, cursor = store.catalog.list_items(ALL, 2)
    assert (len(page), cursor) == (2, None)
    assert store.catalog.list_items(ItemFilters(tags=["none"]), 2) == ([], None)


def test_list_items_applies_filters(store: Store) -> None:
    video, _ = add(store, 1, tags=["a", "b"])
    image, job = add(store, 2, kind="image", tags=["a"])
    store.catalog.update_job(job.id, state="failed", error="no")

    def listed(**filters: object) -> list[str]:
        return [item.id for item in store.catalog.list_items(ItemFilters(**filters), 10)[0]]  # type: ignore[arg-type]

    assert listed() == [image.id, video.id]
    assert listed(kinds=["image", "audio"]) == [image.id]
    assert listed(tags=["a"]) == [image.id, video.id]
    assert listed(tags=["b", "a", "b"]) == [video.id]
    assert listed(status="failed", tags=["a"]) == [image.id]
    with pytest.raises(InvalidInput, match="tags"):
        listed(tags=[str(i) for i in range(MAX_TAGS + 1)])


@pytest.mark.parametrize("cursor", ["", "x", "before-", "before-0", "before-1x", "before-" + "9" * 30, "\0", "before--1"])
def test_list_items_malformed_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        store.catalog.list_items(ALL, 10, cursor)


def test_delete_item_cancels_job_and_removes_rows(store: Store) -> None:
    publish(store, 1, np.random.default_rng(1))
    job, chunks = add_planned_job(store, 2, 2)
    assert store.catalog.lease_chunk(chunks[0].pk, "w", 60)
    item = store.catalog.get_item_of_job(job.id)
    assert item is not None
    assert store.catalog.delete_item(item.id)
    ended = store.catalog.get_job(job.id)
    assert ended is not None
    assert (ended.state, ended.item_id) == ("cancelled", item.id)
    assert store.catalog.list_events_after(job.id, 0, 10)[-1].state == "cancelled", (
        "a client that follows the job receives its end"
    )
    assert store.catalog.get_item_of_job(job.id) is None
    assert store.catalog.list_chunks(job.id) == []
    assert not store.catalog.extend_lease(chunks[0].pk, "w", 60)
    assert not store.catalog.finish_chunk(chunks[0].pk, "w", "0" * 64)
    assert not store.catalog.delete_item(item.id)
    assert store.catalog.count_rows().items == 1


def test_add_item_after_delete_creates_new_item(store: Store) -> None:
    rng = np.random.default_rng(1)
    item = publish(store, 1, rng)
    store.catalog.delete_item(item.id)
    counts = store.catalog.count_rows()
    assert (counts.items, counts.segments, counts.evidence) == (0, 0, 0)
    again, job, created = store.catalog.add_item(new_item(1))
    assert (created, again.id, job.state) == (True, item.id, "queued")


def test_count_rows_returns_number_of_rows(store: Store) -> None:
    publish(store, 1, np.random.default_rng(3), segments=5)
    add(store, 2)
    counts = store.catalog.count_rows()
    assert (counts.items, counts.segments) == (2, 5)
    assert counts.evidence == len(store.catalog.list_evidence([1, 2], SPACE))
    assert counts.jobs == {"queued": 1, "running": 0, "done": 1, "failed": 0, "quarantined": 0, "cancelled": 0}


@pytest.mark.parametrize("bad", [new_item(1, name="\ud800"), new_item(1, width=1 << 70)])
def test_add_item_with_unstorable_value_is_refused(store: Store, bad: NewItem) -> None:
    with pytest.raises(InvalidInput):
        store.catalog.add_item(bad)
    assert store.catalog.count_rows().items == 0


def test_add_item_with_nul_in_name_is_stored_or_refused(store: Store) -> None:
    try:
        item, _, _ = store.catalog.add_item(new_item(1, name="a\0b"))
    except InvalidInput:
        assert store.catalog.count_rows().items == 0
    else:
        assert item.name == "a\0b"


def test_find_items_named_in_finds_whole_names_in_any_case_longest_first(store: Store) -> None:
    for number, name in enumerate(("talk.mp4", "My talk.mp4", "a_b.mp4", "100%.png", "cat", "ab")):
        store.catalog.add_item(new_item(number, name=name))

    def find(text: str) -> list[str]:
        return [row.name for row in store.catalog.find_items_named_in(text, 2)]

    assert find("What happens in MY TALK.MP4 at 01:05?") == ["My talk.mp4", "talk.mp4"]
    assert find("only in talk.mp4") == ["talk.mp4"]
    assert find("only in axb.mp4") == [], "an underscore of a name matches no other letter"
    assert find("the 100%.png") == ["100%.png"]
    assert find("the catalog of ab") == [], "neither parts of words nor names of two letters"
