"""Edits of items and the trash: what queries see, what is restored, and versions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from indexes import Store
from indexes.catalog.records import BrowseFilters, ItemEdit, ItemFilters, NewEvidence
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import Filters
from tests.indexes.library import SPACE, add, new_item, publish


@pytest.fixture
def item(store: Store) -> str:
    return publish(store, 1, np.random.default_rng(0)).id


def test_edit_item_changes_name_tags_and_favourite_once(store: Store, item: str) -> None:
    edit = ItemEdit(name="ferry.mp4", add_tags=["sea", "boat"], favourite=True)
    row = store.catalog.edit_item(item, edit)
    assert (row.name, row.tags, row.favourite, row.version) == ("ferry.mp4", ("boat", "sea"), True, 2)
    assert store.catalog.edit_item(item, edit).version == 2, "repeated, it changes nothing"
    assert store.catalog.edit_item(item, ItemEdit(remove_tags=["sea"])).tags == ("boat",)
    assert store.catalog.edit_item(item, ItemEdit(tags=["new"])).tags == ("new",)


def test_edit_item_with_another_version_raises_conflict_and_changes_nothing(store: Store, item: str) -> None:
    store.catalog.edit_item(item, ItemEdit(favourite=True), version=1)
    with pytest.raises(Conflict, match="version 2, not 1"):
        store.catalog.edit_item(item, ItemEdit(favourite=False), version=1)
    row = store.catalog.get_item(item)
    assert row is not None
    assert row.favourite


def test_edit_item_unknown_or_with_too_many_tags_raises(store: Store, item: str) -> None:
    with pytest.raises(NotFound):
        store.catalog.edit_item("0" * 32, ItemEdit(favourite=True))
    with pytest.raises(InvalidInput, match="at most 32"):
        store.catalog.edit_item(item, ItemEdit(add_tags=[f"t{number}" for number in range(33)]))


def test_favourites_are_filtered_and_sorted(store: Store, item: str) -> None:
    other = publish(store, 2, np.random.default_rng(1)).id
    store.catalog.edit_items([item], ItemEdit(favourite=True))
    assert [row.id for row in store.catalog.browse_items(BrowseFilters(), "favourite", 0, 9)[0]] == [item, other]
    assert [row.id for row in store.catalog.list_items(ItemFilters(favourite=False), 9)[0]] == [other]
    chosen = store.catalog.select_items(Filters(favourite=True))
    assert chosen is not None
    assert len(chosen) == 1


def test_trashed_item_is_in_no_query_until_it_is_restored(store: Store, item: str) -> None:
    catalog = store.catalog
    catalog.edit_items([item], ItemEdit(add_tags=["sea"]))
    queries: list[Callable[[], object]] = [
        lambda: catalog.get_item(item),
        lambda: catalog.list_items(ItemFilters(), 9)[0],
        lambda: catalog.browse_items(BrowseFilters(), "name", 0, 9),
        lambda: catalog.list_days(BrowseFilters()),
        lambda: catalog.list_tags(9),
        lambda: catalog.list_segments(item, SPACE, 0.0, 9),
        lambda: catalog.list_evidence([1], SPACE),
        lambda: catalog.find_items_named_in("the file 1.mp4", 9),
        lambda: catalog.select_items(Filters(tags=["sea"])),
        lambda: catalog.count_rows().items,
        lambda: catalog.count_items_by_space(),
    ]
    before = [query() for query in queries]
    head = catalog.get_head()
    assert catalog.trash_items([item, "0" * 32]) == {item: True}
    assert catalog.trash_items([item]) == {item: False}
    hidden = [query() for query in queries]
    assert not hidden[0]
    assert all(now != then for now, then in zip(hidden, before, strict=True))
    assert len(catalog.get_changes_after(head, SPACE, 9).tombstones) == 1
    assert catalog.find_unknown_items([item]) == [item]
    assert catalog.restore_items([item, "0" * 32]) == ({item: True}, False)
    assert catalog.restore_items([item]) == ({item: False}, False)
    assert [query() for query in queries] == before
    assert len(catalog.get_changes_after(head, SPACE, 9).publications) == 1


def test_trash_keeps_files_referenced_and_is_counted(store: Store, item: str) -> None:
    row = store.catalog.get_item(item)
    assert row is not None
    store.catalog.trash_items([item])
    assert store.catalog.find_unreferenced_blobs([row.sha256]) == set()
    assert store.catalog.find_missing_items([item]) == set()
    assert (store.catalog.summarize_trash().items, store.catalog.summarize_trash().size) == (1, 1000)
    (listed,) = store.catalog.list_trash(0, 9)
    assert listed.trashed_at is not None
    assert store.catalog.list_trashed_before(listed.trashed_at + timedelta(1), 9) == [item]
    assert store.catalog.list_trashed_before(listed.trashed_at, 9) == []
    assert store.catalog.delete_item(item)
    assert store.catalog.summarize_trash().items == 0


def test_restore_of_an_unfinished_item_starts_a_new_job(store: Store) -> None:
    item, job = add(store, 1)
    store.catalog.trash_items([item.id])
    cancelled = store.catalog.get_job(job.id)
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    assert store.catalog.restore_items([item.id]) == ({item.id: True}, True)
    restored = store.catalog.get_item(item.id)
    assert restored is not None
    assert restored.status == "processing"


def test_add_item_with_the_bytes_of_a_trashed_item_restores_it(store: Store, item: str) -> None:
    store.catalog.edit_items([item], ItemEdit(add_tags=["old"], favourite=True))
    store.catalog.trash_items([item])
    row, _, created = store.catalog.add_item(new_item(1, tags=["new"]))
    assert (row.id, created, row.tags, row.favourite) == (item, False, ("new", "old"), True)
    assert store.catalog.get_item(item) is not None


def test_drop_space_also_withdraws_items_in_the_trash(store: Store, item: str) -> None:
    store.catalog.trash_items([item])
    assert store.catalog.drop_space(SPACE, 9) == 1
    assert store.catalog.drop_space(SPACE, 9) == 0
    store.catalog.restore_items([item])
    assert store.catalog.list_segments(item, SPACE, 0.0, 9) == []


def test_renamed_item_has_a_stale_name_until_its_evidence_is_replaced(store: Store, item: str) -> None:
    catalog = store.catalog
    catalog.edit_items([item], ItemEdit(name="ferry.mp4"))
    assert catalog.list_stale_names(SPACE, 9) == [(item, "ferry.mp4")]
    evidence = [NewEvidence("name", 0.0, 0.0, "ferry", "f" * 64, 0)]
    assert not catalog.replace_name_evidence(item, SPACE, "another.mp4", evidence)
    head = catalog.get_head()
    assert catalog.replace_name_evidence(item, SPACE, "ferry.mp4", evidence)
    assert catalog.list_stale_names(SPACE, 9) == []
    names = [piece.text for row in catalog.list_segments(item, SPACE, 0.0, 99) for piece in row.evidence if piece.kind == "name"]
    assert names == ["ferry"]
    (publication,) = catalog.get_changes_after(head, SPACE, 9).publications
    assert publication.num_evidence == len(catalog.list_evidence([publication.item_pk], SPACE))


def test_mark_described_leaves_items_that_changed_since(store: Store, item: str) -> None:
    store.catalog.edit_items([item], ItemEdit(favourite=True))
    rows = store.catalog.list_undescribed(9)
    store.catalog.edit_items([item], ItemEdit(favourite=False))
    store.catalog.mark_described(rows)
    assert len(store.catalog.list_undescribed(9)) == 1
    store.catalog.mark_described(store.catalog.list_undescribed(9))
    assert store.catalog.list_undescribed(9) == []
