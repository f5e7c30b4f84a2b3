"""Garbage collection: what it deletes, what it moves to the trash, and what it leaves to a
person."""

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


def leftover(store: Store, data: bytes) -> Path:
    """A blob of an upload that ended before its row was written."""
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


def test_a_leftover_goes_to_the_trash_when_it_is_old(store: Store) -> None:
    kept, left = store.blobs.path(put(store, b"kept")), leftover(store, b"left")
    age(kept)
    assert store.sweep(3600.0) == 0
    age(left)
    assert store.sweep(3600.0) == 1
    assert trash(store) == {left.name}
    assert kept.exists()
    assert report(store) == []


def test_a_share_of_leftovers_over_the_limit_is_left_and_reported_until_a_command(store: Store, log: Log) -> None:
    left = [leftover(store, bytes([number])) for number in range(ALWAYS_ALLOWED + 1)]
    age(*left)
    assert store.sweep(3600.0) == 0
    (sentence,) = report(store)
    assert "11 of 11 blobs" in sentence
    assert "MM_SWEEP_SHARE" in sentence
    assert "mm doctor --collect" in sentence
    assert [line["detail"] for line in log if line["log_level"] == "error"] == [sentence]
    assert all(path.exists() for path in left)
    assert store.collect_garbage(3600.0, force=True) == len(left)
    assert trash(store) == {path.name for path in left}
    assert report(store) == []


def test_a_share_of_shards_over_the_limit_is_left(store: Store) -> None:
    for number in range(ALWAYS_ALLOWED + 1):
        store.shards.write(SPACE, {"picture": np.full((1, 8), number, np.float16)}, [])
    age(*shards(store))
    assert store.sweep(3600.0) == 0
    assert "shards" in report(store)[0]
    assert len(shards(store)) == ALWAYS_ALLOWED + 1


def test_an_item_that_the_catalog_lost_is_kept_and_reported(store: Store) -> None:
    lost = store.blobs.path(put(store, b"lost"))
    with store.database.begin_write() as connection:  # as in an older copy of the catalog
        connection.execute(text("DELETE FROM items"))
    age(lost)
    assert store.sweep(3600.0) == 0
    assert lost.exists()
    (sentence,) = report(store)
    assert "1 blobs belong to items that the catalog does not contain" in sentence
    assert "mm doctor --rebuild" in sentence
    assert store.collect_garbage(3600.0, force=True) == 1
    assert trash(store) == {lost.name, f"{lost.name}.json"}


def test_what_a_person_deleted_leaves_no_file_and_nothing_in_the_trash(store: Store) -> None:
    """Whatever its share, and when the process died between the rows and the bytes."""
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


def test_a_file_that_came_again_after_its_delete_is_kept(store: Store) -> None:
    path = store.blobs.path(put(store, b"again"))
    store.catalog.delete_item(path.name[:32])
    put(store, b"again")
    age(path)
    store.sweep(3600.0)
    assert path.exists()


def test_an_item_that_becomes_known_in_the_meantime_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left = leftover(store, b"late")
    age(left)
    released = store.catalog.find_released

    def known_in_between(digests: object) -> set[str]:
        put(store, b"late")
        age(left)
        return released(digests)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store.catalog), "find_released", lambda self, digests: known_in_between(digests))
    store.sweep(3600.0)
    assert left.exists()


def test_nothing_is_collected_while_the_catalog_is_another_one(store: Store, log: Log) -> None:
    lost = [store.blobs.path(put(store, b"one")), leftover(store, b"two")]
    age(*lost)
    with store.database.begin_write() as connection:
        connection.execute(text("UPDATE library SET identity = 'another'"))
        connection.execute(text("DELETE FROM items"))
    assert store.sweep(0.0) == 0
    assert all(path.exists() for path in lost)
    assert "different libraries" in report(store)[0]
    assert any("different libraries" in str(line.get("detail")) for line in log)
