"""Stale files: old temporary files and unused cache entries are removed, used ones stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from indexes import Store
from indexes.integrity.stale_files import remove_unused_graphs
from indexes.search.searcher import Searcher
from indexes.storage.files import hold_lock
from indexes.vectors.index import SpaceIndex
from mm.runtimes import ensure_graph
from tests.indexes.library import SPACE, publish

OLD = 100.0


def age(path: Path) -> Path:
    then = time.time() - 2 * OLD
    os.utime(path, (then, then))
    return path


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "keys.part", "run/a.part", "index/lite@1/a.part", "cache/graphs/.text.onnx.a1b2",
        f"cache/thumbnails/ab/{'ab' * 16}/a.part",
    ],
)  # fmt: skip
def test_sweep_removes_old_temporary_files(sqlite_store: Store, name: str) -> None:
    path = write(sqlite_store.settings.root / name)
    age(write(path.with_name("whole")))
    sqlite_store.sweep(OLD)
    assert path.exists()
    age(path)
    sqlite_store.sweep(OLD)
    assert not path.exists()
    assert path.with_name("whole").exists()


def test_sweep_removes_thumbnails_of_deleted_items(sqlite_store: Store) -> None:
    item = publish(sqlite_store, 1, np.random.default_rng(0))
    folder = sqlite_store.settings.root / "cache" / "thumbnails"
    used = write(folder / item.id[:2] / item.id / "0-160.webp").parent
    gone, fresh = (write(folder / digits / (digits * 16) / "0-160.webp").parent for digits in ("ab", "cd"))
    age(used)
    age(gone)
    sqlite_store.sweep(OLD)
    assert used.exists()
    assert fresh.exists()
    assert not gone.exists()


def test_sweep_removes_unlisted_index_parts_unless_locked(sqlite_store: Store) -> None:
    publish(sqlite_store, 1, np.random.default_rng(0))
    Searcher(sqlite_store, SPACE, sqlite_store.settings).follower.refresh()
    folder = sqlite_store.settings.root / "index" / str(SPACE)
    (listed,) = folder.glob("part-*")
    unlisted = write(folder / "part-0011223344556677" / "rows.safetensors").parent
    for part in (listed, unlisted):
        age(part)
    with hold_lock(sqlite_store.settings.root / "locks" / f"index-{SPACE}.lock", 1.0):
        sqlite_store.sweep(OLD)
        assert unlisted.exists()
    sqlite_store.sweep(OLD)
    assert not unlisted.exists()
    manifest = SpaceIndex(sqlite_store, SPACE).load_manifest(sqlite_store.catalog.get_head())
    assert manifest is not None
    assert [entry.name for entry in manifest.parts] == [listed.name]


def test_sweep_removes_unused_graphs(sqlite_store: Store) -> None:
    folder = sqlite_store.settings.root / "cache" / "graphs"
    unused, used = age(write(folder / "text-old.onnx")), age(write(folder / "text-new.onnx"))
    assert remove_unused_graphs(sqlite_store.settings.root, 3 * OLD) == 0
    ensure_graph(folder, "text-new", lambda: b"")
    sqlite_store.sweep(OLD)
    assert unused.exists(), "a month must pass"
    assert remove_unused_graphs(sqlite_store.settings.root, OLD) == 1
    assert used.exists()
    assert not unused.exists()
