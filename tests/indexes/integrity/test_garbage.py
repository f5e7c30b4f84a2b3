"""Garbage collection: what it deletes, moves to the trash, and keeps and reports."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from indexes import Store
from indexes.integrity.garbage import ALWAYS_ALLOWED, REPORT, GarbageReport
from tests.indexes.integrity.test_identity import put
from tests.indexes.library import SPACE, publish

Log = list[MutableMapping[str, object]]


def add_orphaned_blob(store: Store, data: bytes) -> Path:
    """Add a blob without a row, as an upload that was interrupted leaves it."""
    with store.blobs.open_writer() as writer:
        writer.write(data)
        sha256, _ = writer.commit()
    return store.blobs.path(sha256)


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (1, 1))


def report(store: Store) -> list[str]:
    return GarbageReport.model_validate_json((store.settings.root / REPORT).read_bytes()).refused


def trash(store: Store) -> set[str]:
    return {
        path.name for name in ("blobs", "shards") for path in (store.settings.root / name / "trash").rglob("*") if path.is_file()
    }


def shards(store: Store) -> set[Path]:
    return set((store.settings.root / "shards").glob("??/*"))


def test_sweep_moves_old_orphaned_file_to_trash(store: Store) -> None:
    referenced, orphaned = store.blobs.path(put(store, b"kept")), add_orphaned_blob(store, b"orphaned")
    age(referenced)
    assert store.sweep(3600.0) == 0
    age(orphaned)
    assert store.sweep(3600.0) == 1
    assert trash(store) == {orphaned.name}
    assert referenced.exists()
    assert report(store) == []


def test_sweep_above_share_limit_refuses_until_forced(store: Store, log: Log) -> None:
    orphaned = [add_orphaned_blob(store, bytes([number])) for number in range(ALWAYS_ALLOWED + 1)]
    age(*orphaned)
    assert store.sweep(3600.0) == 0
    (reason,) = report(store)
    assert "11 of 11 blobs" in reason
    assert "MM_SWEEP_SHARE" in reason
    assert "mm doctor --collect" in reason
    assert [line["detail"] for line in log if line["log_level"] == "error"] == [reason]
    assert all(path.exists() for path in orphaned)
    assert store.collect_garbage(3600.0, force=True) == len(orphaned)
    assert trash(store) == {path.name for path in orphaned}
    assert report(store) == []


def test_sweep_above_share_limit_keeps_shards(store: Store) -> None:
    for number in range(ALWAYS_ALLOWED + 1):
        store.shards.write(SPACE, {"picture": np.full((1, 8), number, np.float16)}, [])
    age(*shards(store))
    assert store.sweep(3600.0) == 0
    assert "shards" in report(store)[0]
    assert len(shards(store)) == ALWAYS_ALLOWED + 1


def test_sweep_keeps_and_reports_files_of_lost_items(store: Store) -> None:
    lost = store.blobs.path(put(store, b"lost"))
    with store.database.begin_write() as connection:  # as in an older copy of the catalog
        connection.execute(text("DELETE FROM items"))
    age(lost)
    assert store.sweep(3600.0) == 0
    assert lost.exists()
    (reason,) = report(store)
    assert "1 blobs belong to items that the catalog does not contain" in reason
    assert "mm doctor --rebuild" in reason
    assert store.collect_garbage(3600.0, force=True) == 1
    assert trash(store) == {lost.name, f"{lost.name}.json"}


def test_sweep_deletes_files_of_deleted_items(store: Store) -> None:
    """Also above the share limit, and where the process ended before it deleted the blobs."""
    rng = np.random.default_rng(0)
    for seed in range(2 * ALWAYS_ALLOWED):
        sha256 = put(store, bytes([seed]))
        item = publish(store, seed, rng, sha256=sha256)
        store.catalog.delete_item(item.id)
    assert len(shards(store)) == 2 * ALWAYS_ALLOWED
    age(*shards(store), *store.settings.root.glob("blobs/??/*"))
    store.sweep(3600.0)
    assert shards(store) == set()
    assert list(store.settings.root.glob("blobs/??/*")) == []
    assert trash(store) == set()
    assert report(store) == []


def test_sweep_keeps_file_added_again_after_delete(store: Store) -> None:
    path = store.blobs.path(put(store, b"again"))
    store.catalog.delete_item(path.name[:32])
    put(store, b"again")
    age(path)
    store.sweep(3600.0)
    assert path.exists()


def test_sweep_keeps_file_added_during_collection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    orphaned = add_orphaned_blob(store, b"late")
    age(orphaned)
    released = store.catalog.find_released

    def add_item_before(digests: object) -> set[str]:
        put(store, b"late")
        age(orphaned)
        return released(digests)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store.catalog), "find_released", lambda self, digests: add_item_before(digests))
    store.sweep(3600.0)
    assert orphaned.exists()


def test_sweep_with_catalog_of_other_library_collects_nothing(store: Store, log: Log) -> None:
    lost = [store.blobs.path(put(store, b"one")), add_orphaned_blob(store, b"two")]
    age(*lost)
    with store.database.begin_write() as connection:
        connection.execute(text("UPDATE library SET identity = 'another'"))
        connection.execute(text("DELETE FROM items"))
    assert store.sweep(0.0) == 0
    assert all(path.exists() for path in lost)
    assert "different libraries" in report(store)[0]
    assert any("different libraries" in str(line.get("detail")) for line in log)
