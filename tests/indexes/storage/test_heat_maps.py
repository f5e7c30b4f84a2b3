"""Heat maps: stored by their hash; those that a lost catalog leaves go to the trash."""

from __future__ import annotations

import pytest

from indexes import Store
from mm.errors import MissingData
from mm.inspection.store import InspectorStore

DATA = b"a heat map"


def test_heat_map_is_stored_once_and_read_back(sqlite_store: Store) -> None:
    digest = sqlite_store.heat_maps.write(DATA)
    assert sqlite_store.heat_maps.write(DATA) == digest
    assert sqlite_store.heat_maps.read(digest) == DATA
    with pytest.raises(MissingData):
        sqlite_store.heat_maps.read("0" * 64)


def test_garbage_collection_moves_heat_maps_without_a_result_to_the_trash(sqlite_store: Store) -> None:
    digest = sqlite_store.heat_maps.write(DATA)
    path = InspectorStore(sqlite_store.settings.root).get_path("disc", 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a version without a row")
    sqlite_store.collect_garbage(0.0)
    files = sqlite_store.heat_maps.files
    assert not files.path(digest).exists()
    assert [trashed.name for trashed in files.trash.glob("*/*")] == [f"{digest}.png"]
    assert path.exists(), "versions of inspectors are no garbage"
