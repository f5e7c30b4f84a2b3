"""Captures in the catalog: stored with the item, filtered, sorted, counted by day and camera."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from indexes import Store
from indexes.catalog.records import BrowseFilters
from indexes.search.brute_force import passes
from mm.media.types import Capture
from mm.schemas import Filters
from tests.indexes.conftest import Clock
from tests.indexes.library import add

NEW_YORK = timezone(timedelta(hours=-4))
CAPTURES = {
    "phone": Capture(taken_at=datetime(2024, 5, 1, 23, 30, tzinfo=NEW_YORK), make="Apple", model="iPhone 15", latitude=40.7),
    "camera": Capture(taken_at=datetime(2024, 5, 1, 23, 45), make="Canon", model="Canon EOS 5D"),
    "clip": Capture(taken_at=datetime(2024, 5, 2, 1, 0, tzinfo=UTC), make="Canon", model="Canon EOS 5D"),
    "scan": Capture(),
    "older": None,
}


@pytest.fixture
def captured(store: Store, clock: Clock) -> Store:
    clock.now = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()
    for name, capture in CAPTURES.items():
        add(store, name, capture=capture)
    store.catalog.set_places({1: "near Newark, New Jersey, United States", 2: "Paris, Île-de-France, France", 3: "", 4: ""})
    return store


def browse(store: Store, sort: str = "taken", **filters: object) -> list[str]:
    rows, total = store.catalog.browse_items(BrowseFilters(**filters), sort, 0, 10)  # type: ignore[arg-type]
    assert total == len(rows)
    return [row.name.removesuffix(".mp4") for row in rows]


def test_item_keeps_its_capture(captured: Store) -> None:
    rows, _ = captured.catalog.browse_items(BrowseFilters(), "oldest", 0, 10)
    assert {row.name.removesuffix(".mp4"): row.capture for row in rows} == CAPTURES


def test_sort_by_time_taken_uses_the_clock_at_the_place_and_else_the_upload(captured: Store) -> None:
    assert browse(captured) == ["clip", "camera", "phone", "older", "scan"]
    assert browse(captured, "taken-oldest") == ["scan", "older", "phone", "camera", "clip"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"taken_after": datetime(2024, 5, 1, 23, 45)}, {"camera", "clip"}),
        ({"taken_before": datetime(2024, 5, 1, 23, 45)}, {"phone"}),
        ({"camera": "canon"}, {"camera", "clip"}),
        ({"camera": "apple iphone"}, {"phone"}),
        ({"camera": "%"}, set()),
        ({"has_place": True}, {"phone"}),
        ({"has_place": False}, {"camera", "clip", "scan", "older"}),
        ({"place": "paris, FRANCE"}, {"camera"}),
        ({"place": "jersey", "camera": "apple"}, {"phone"}),
        ({"place": "jer"}, set()),
        ({"place": "%"}, set()),
        ({"has_place": False, "camera": "5D", "taken_after": datetime(2024, 5, 2)}, {"clip"}),
    ],
)
def test_filters_by_capture_equal_the_reference(captured: Store, filters: dict[str, object], expected: set[str]) -> None:
    assert set(browse(captured, **filters)) == expected
    conditions = Filters.model_validate(filters)
    rows, _ = captured.catalog.browse_items(BrowseFilters(), "oldest", 0, 10)
    assert {row.name.removesuffix(".mp4") for row in rows if passes(row, conditions)} == expected
    keys = captured.catalog.select_items(conditions)
    assert keys is not None
    assert {list(CAPTURES)[key - 1] for key in keys} == expected


def test_days_count_items_in_the_order_of_the_sort(captured: Store) -> None:
    assert captured.catalog.list_days(BrowseFilters()) == [(date(2024, 5, 2), 1), (date(2024, 5, 1), 4)]
    assert captured.catalog.list_days(BrowseFilters(camera="canon")) == [(date(2024, 5, 2), 1), (date(2024, 5, 1), 1)]


def test_cameras_are_counted_by_make_and_model(captured: Store) -> None:
    assert captured.catalog.list_cameras(10) == [("Canon EOS 5D", 2), ("Apple iPhone 15", 1)]


def test_places_are_counted_and_found_by_one_of_their_names(captured: Store) -> None:
    assert [place for place, _ in captured.catalog.list_places(1)] == ["Paris, Île-de-France, France"]
    assert captured.catalog.has_place_named("ile-de-france")
    assert captured.catalog.has_place_named("USA")
    assert not captured.catalog.has_place_named("Jersey")
    assert not captured.catalog.has_place_named("")


def test_add_capture_adds_a_missing_row_only(captured: Store) -> None:
    ((item_id, _, name),) = captured.catalog.list_items_without_capture("", 10)
    assert name == "older.mp4"
    assert captured.catalog.add_capture(item_id, Capture(make="Nikon"))
    assert not captured.catalog.add_capture(item_id, Capture(make="Leica"))
    assert not captured.catalog.add_capture("0" * 32, Capture())
    assert captured.catalog.list_items_without_capture("", 10) == []
    item = captured.catalog.get_item(item_id)
    assert item is not None
    assert item.capture == Capture(make="Nikon")


def test_delete_item_deletes_its_capture(captured: Store) -> None:
    rows, _ = captured.catalog.browse_items(BrowseFilters(), "taken", 0, 10)
    captured.catalog.delete_item(rows[0].id)
    assert captured.catalog.list_cameras(10) == [("Apple iPhone 15", 1), ("Canon EOS 5D", 1)]
