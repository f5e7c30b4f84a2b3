"""Albums in the catalog: entries, order, cover, the trash, and filters, on both databases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.records import BrowseFilters, EntrySpec
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import Filters
from tests.indexes.library import add, publish


def list_pks(store: Store, album: str) -> list[int]:
    return [entry.pk for entry in store.catalog.list_entries(album, 0, 1000)[0]]


def fill(store: Store, album: str, ids: Sequence[str]) -> list[int]:
    added = store.catalog.add_entries(album, [EntrySpec(item_id) for item_id in ids])[1]
    return [entry.pk for entry in added if entry.pk is not None]


def test_album_is_created_renamed_and_deleted_and_its_items_stay(store: Store) -> None:
    item = add(store, 1)[0].id
    album = store.catalog.create_album("Harbour", "for the exhibition")
    fill(store, album.id, [item])
    assert [row.name for row in store.catalog.list_albums()] == ["Harbour"]
    with pytest.raises(Conflict, match="already"):
        store.catalog.create_album("Harbour")
    other = store.catalog.create_album("Ferry")
    with pytest.raises(Conflict, match="already"):
        store.catalog.edit_album(album.id, name="Ferry")
    renamed = store.catalog.edit_album(album.id, name="Old harbour", note="", version=2)
    assert (renamed.name, renamed.note, renamed.version) == ("Old harbour", "", 3)
    with pytest.raises(Conflict, match="version 3, not 2"):
        store.catalog.edit_album(album.id, name="x", version=2)
    store.catalog.delete_album(album.id)
    assert [row.id for row in store.catalog.list_albums()] == [other.id]
    assert store.catalog.get_item(item) is not None
    with pytest.raises(NotFound, match="no album"):
        store.catalog.list_entries(album.id, 0, 9)


def test_entries_are_items_and_time_ranges_each_once_in_their_order(store: Store) -> None:
    video, image = add(store, 1)[0].id, add(store, 2, kind="image", duration=0.0)[0].id
    album = store.catalog.create_album("a").id
    specs = [EntrySpec(video, 2.0, 3.5), EntrySpec(image), EntrySpec(video), EntrySpec("0" * 32), EntrySpec(video, 2.0, 3.5)]
    row, added = store.catalog.add_entries(album, specs)
    assert [entry.outcome for entry in added] == ["added", "added", "added", "not-found", "unchanged"]
    assert added[4].pk == added[0].pk
    entries, total = store.catalog.list_entries(album, 0, 9)
    assert [(entry.item.id, entry.start, entry.end) for entry in entries] == [
        (video, 2.0, 3.5), (image, None, None), (video, None, None),
    ]  # fmt: skip
    assert (total, row.num_entries, row.cover) == (3, 3, (video, 2.0))
    assert [entry.pk for entry in store.catalog.list_entries(album, 1, 1)[0]] == [added[1].pk]
    assert store.catalog.add_entries(album, specs)[0].version == row.version, "repeated, it changes nothing"


@pytest.mark.parametrize(("start", "end"), [(3.0, 2.0), (1.0, 1.0), (9.0, 11.0), (None, 2.0), (2.0, None)])
def test_time_range_that_is_empty_outside_or_half_given_is_refused_and_nothing_is_added(
    store: Store, start: float | None, end: float | None
) -> None:
    video, other = add(store, 1)[0].id, add(store, 2)[0].id
    album = store.catalog.create_album("a").id
    with pytest.raises(InvalidInput):
        store.catalog.add_entries(album, [EntrySpec(other), EntrySpec(video, start, end)])
    assert list_pks(store, album) == []


def test_time_range_of_an_image_is_refused_and_one_that_ends_after_rounding_is_cut(store: Store) -> None:
    image, video = add(store, 1, kind="image", duration=0.0)[0].id, add(store, 2)[0].id
    album = store.catalog.create_album("a").id
    with pytest.raises(InvalidInput, match="image"):
        store.catalog.add_entries(album, [EntrySpec(image, 0.0, 1.0)])
    store.catalog.add_entries(album, [EntrySpec(video, 9.0, 10.02)])
    assert store.catalog.list_entries(album, 0, 1)[0][0].end == 10.0


def test_cover_is_chosen_or_the_first_entry(store: Store) -> None:
    ids = [add(store, number)[0].id for number in range(2)]
    album = store.catalog.create_album("a").id
    pks = fill(store, album, ids)
    assert store.catalog.get_album(album).cover == (ids[0], 0.0)
    assert store.catalog.edit_album(album, cover=pks[1]).cover == (ids[1], 0.0)
    assert [entry.is_cover for entry in store.catalog.list_entries(album, 0, 9)[0]] == [False, True]
    assert store.catalog.edit_album(album, cover=0).cover == (ids[0], 0.0)
    with pytest.raises(NotFound, match="no entry"):
        store.catalog.edit_album(album, cover=10**6)
    store.catalog.edit_album(album, cover=pks[1])
    store.catalog.trash_items([ids[1]])
    assert store.catalog.get_album(album).cover == (ids[0], 0.0), "the cover is in the trash"


def test_entries_of_trashed_item_are_hidden_come_back_in_place_and_leave_when_it_is_purged(store: Store) -> None:
    ids = [publish(store, number, np.random.default_rng(number)).id for number in range(3)]
    album = store.catalog.create_album("a").id
    pks = fill(store, album, ids)
    store.catalog.trash_items([ids[1]])
    assert list_pks(store, album) == [pks[0], pks[2]]
    row = store.catalog.get_album(album)
    assert (row.num_entries, row.num_hidden) == (2, 1)
    store.catalog.move_entries(album, [pks[2]], before=pks[0])
    store.catalog.restore_items([ids[1]])
    assert list_pks(store, album) == [pks[2], pks[0], pks[1]]
    store.catalog.trash_items([ids[1]])
    store.catalog.delete_item(ids[1])
    row = store.catalog.get_album(album)
    assert (list_pks(store, album), row.num_hidden) == ([pks[2], pks[0]], 0)


def test_remove_takes_entries_and_all_of_an_item_also_hidden_ones(store: Store) -> None:
    first, second = add(store, 1)[0].id, add(store, 2)[0].id
    album = store.catalog.create_album("a").id
    specs = [EntrySpec(first), EntrySpec(first, 1.0, 2.0), EntrySpec(second), EntrySpec(second, 1.0, 2.0)]
    pks = [entry.pk for entry in store.catalog.add_entries(album, specs)[1]]
    store.catalog.trash_items([first])
    assert pks[3] is not None
    row, removed = store.catalog.remove_entries(album, [pks[3], 10**6], [first])
    assert (removed, row.num_entries, row.num_hidden) == (3, 1, 0)
    assert store.catalog.remove_entries(album, [pks[3]])[1] == 0


def test_album_filters_lists_and_searches_and_unknown_album_raises(store: Store) -> None:
    ids = [publish(store, number, np.random.default_rng(number)).id for number in range(3)]
    album = store.catalog.create_album("a").id
    store.catalog.add_entries(album, [EntrySpec(ids[0]), EntrySpec(ids[2], 1.0, 2.0)])
    rows, total = store.catalog.browse_items(BrowseFilters(album=album), "oldest", 0, 9)
    assert ([row.id for row in rows], total) == ([ids[0], ids[2]], 2)
    assert sum(items for _, items in store.catalog.list_days(BrowseFilters(album=album))) == 2
    chosen = store.catalog.select_items(Filters(album=album))
    assert chosen is not None
    assert len(chosen) == 2
    assert store.catalog.select_items(Filters(album=album, items=[ids[1]])) == set()
    ranges = store.catalog.get_album_ranges(album)
    assert (ranges.whole, ranges.ranges) == ({ids[0]}, {ids[2]: [(1.0, 2.0)]})
    with pytest.raises(NotFound, match="no album"):
        store.catalog.select_items(Filters(album="unknown"))
    with pytest.raises(NotFound, match="no album"):
        store.catalog.browse_items(BrowseFilters(album="unknown"), "oldest", 0, 9)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_moves_give_the_order_of_a_list(store: Store, data: st.DataObject) -> None:
    ids = [add(store, f"order {number}")[0].id for number in range(6)]
    album = store.catalog.create_album(f"order {len(store.catalog.list_albums())}").id
    order = fill(store, album, ids)
    for _ in range(4):
        moved = data.draw(st.lists(st.sampled_from(order), min_size=1, max_size=4, unique=True))
        rest = [pk for pk in order if pk not in moved]
        before = data.draw(st.none() | st.sampled_from(rest))
        store.catalog.move_entries(album, moved, before)
        at = len(rest) if before is None else rest.index(before)
        order = rest[:at] + moved + rest[at:]
        assert list_pks(store, album) == order


def test_move_before_itself_or_of_an_unknown_entry_is_refused(store: Store) -> None:
    album = store.catalog.create_album("a").id
    pks = fill(store, album, [add(store, number)[0].id for number in range(2)])
    with pytest.raises(InvalidInput, match="before itself"):
        store.catalog.move_entries(album, pks, before=pks[0])
    for moved, before in (([10**6], None), ([pks[0]], 10**6)):
        with pytest.raises(NotFound, match="no entry"):
            store.catalog.move_entries(album, moved, before)
    assert list_pks(store, album) == pks
