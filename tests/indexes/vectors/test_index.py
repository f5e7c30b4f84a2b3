"""The index on disk is a cache: it can be deleted, damaged, truncated or stale without loss."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexes import Store, open_store
from indexes.search.brute_force import search_brute_force
from indexes.search.searcher import Searcher
from indexes.storage import files
from indexes.storage.files import hold_lock
from indexes.vectors import index, parts
from indexes.vectors.index import SpaceIndex
from indexes.vectors.manifest import NAME
from mm.errors import Unavailable
from mm.schemas import Filters
from mm.settings import Settings
from tests.indexes.library import SPACE, publish, random_query

ALL = Filters()
Log = list[MutableMapping[str, object]]


@pytest.fixture
def filled(sqlite_store: Store) -> Store:
    """A library of six items."""
    rng = np.random.default_rng(1)
    for seed in range(6):
        publish(sqlite_store, seed, rng, pieces={"picture": 2, "speech": 1})
    return sqlite_store


def refreshed(store: Store) -> Searcher:
    searcher = Searcher(store, SPACE, store.settings)
    searcher.follower.refresh()
    return searcher


def assert_complete(searcher: Searcher, store: Store) -> None:
    """Assert that the searcher finds all items of the catalog."""
    rng = np.random.default_rng(9)
    for _ in range(3):
        query = random_query(rng)
        fast = [hit.score for hit in searcher.search(query, 100, ALL, 0.0)]
        assert fast == pytest.approx([hit.score for hit in search_brute_force(store, query, 100, ALL, 0.0)])
    evidence = sum(len(part) for part in searcher.follower.snapshot.parts)
    assert evidence >= store.catalog.count_rows().evidence


def folder(store: Store) -> Path:
    return store.settings.root / "index" / str(SPACE)


def part_files(store: Store) -> list[Path]:
    return sorted(path for path in folder(store).glob("part-*/*"))


def test_searcher_rebuilds_deleted_index(filled: Store, log: Log) -> None:
    assert_complete(refreshed(filled), filled)
    shutil.rmtree(filled.settings.root / "index")
    assert_complete(refreshed(filled), filled)
    assert log == []


def test_running_searcher_rebuilds_deleted_index(filled: Store) -> None:
    searcher = refreshed(filled)
    shutil.rmtree(filled.settings.root / "index")
    assert_complete(searcher, filled)
    searcher.follower.refresh()
    assert_complete(searcher, filled)
    assert (folder(filled) / NAME).exists()


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "remove"])
@pytest.mark.parametrize("which", ["picture.faiss", "rows.safetensors", NAME])
def test_refresh_rebuilds_damaged_file_and_logs_it(filled: Store, log: Log, damage: str, which: str) -> None:
    refreshed(filled)
    (path,) = (path for path in folder(filled).rglob("*") if path.name == which)
    data = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"truncate": data[:middle], "flip": flipped, "empty": b""}[damage])
    assert_complete(refreshed(filled), filled)
    assert any("rebuilding" in str(line["event"]) for line in log) or (which, damage) == (NAME, "remove")
    log.clear()
    assert_complete(refreshed(filled), filled)
    assert log == [], "the rebuilt index is intact"


def test_refresh_rebuilds_index_of_another_catalog(filled: Store, tmp_path: Path, log: Log) -> None:
    refreshed(filled)
    with open_store(Settings(home=tmp_path / "other")) as other:
        publish(other, "x", np.random.default_rng(0), pieces={"picture": 2})
        shutil.copytree(folder(filled), folder(other))
        assert_complete(refreshed(other), other)
    assert any("another catalog" in str(line["detail"]) for line in log)


def test_refresh_leaves_out_and_logs_item_with_damaged_shard(filled: Store, log: Log) -> None:
    publications = filled.catalog.get_changes_after(0, SPACE, 10).publications
    row = filled.catalog.list_evidence([publications[2].item_pk], SPACE)[0]
    path = filled.shards.path(row.shard_id)
    path.write_bytes(path.read_bytes()[:-1])
    searcher = refreshed(filled)
    seqs = {int(seq) for part in searcher.follower.snapshot.parts for seq in part.segments.item_seq}
    assert seqs == {p.seq for p in publications} - {publications[2].seq}
    assert [(line["event"], line["item"]) for line in log] == [("item cannot be searched", publications[2].item_pk)]


def test_merge_parts_limits_part_count_and_drops_deleted_items(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SMALL_EVIDENCE", 60)
    monkeypatch.setattr(index, "FULL_EVIDENCE", 200)
    store = sqlite_store
    rng = np.random.default_rng(1)
    searcher = Searcher(store, SPACE, store.settings)
    ids: list[str] = []
    max_parts = 0
    for seed in range(40):
        ids.append(publish(store, seed, rng, segments=6).id)
        searcher.follower.refresh()
        searcher.follower.merge_parts()
        max_parts = max(max_parts, len(searcher.follower.snapshot.parts))
        if seed % 5 == 4:
            store.catalog.delete_item(ids[seed - 3])
    searcher.follower.refresh()
    searcher.follower.merge_parts()
    assert max_parts < 14
    assert_complete(searcher, store)
    for item_id in ids[:35]:
        store.catalog.delete_item(item_id)
    searcher.follower.refresh()
    searcher.follower.merge_parts()
    assert_complete(searcher, store)
    seqs = {int(seq) for part in searcher.follower.snapshot.parts for seq in part.segments.item_seq}
    assert len(seqs) <= 8, "most deleted items are removed from disk too"
    for item_id in ids[35:]:
        store.catalog.delete_item(item_id)
    searcher.follower.refresh()
    searcher.follower.merge_parts()
    assert searcher.follower.snapshot.parts == []
    assert list(searcher.follower.snapshot.dead) == []
    assert [path.name for path in folder(store).iterdir()] == [NAME]
    assert_complete(refreshed(store), store)


def test_apply_changes_builds_large_library_in_batches(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH_EVIDENCE", 10)
    monkeypatch.setattr(index, "PAGE", 4)
    built = SpaceIndex(filled, SPACE)
    steps = 0
    while built.apply_changes(1.0):
        steps += 1
    assert steps > 2
    assert_complete(refreshed(filled), filled)
    path = part_files(filled)[0]
    path.write_bytes(b"")
    assert_complete(refreshed(filled), filled)


def test_refresh_loads_parts_of_another_writer(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = refreshed(filled), refreshed(filled)
    monkeypatch.setattr(index, "SMALL_EVIDENCE", 1 << 20)
    rng = np.random.default_rng(2)
    for seed in range(10, 18):
        publish(filled, seed, rng, pieces={"picture": 2})
        first.follower.refresh()
    first.follower.merge_parts()
    second.follower.refresh()
    assert_complete(second, filled)
    assert {part.name for part in first.follower.snapshot.parts} == {part.name for part in second.follower.snapshot.parts}


def test_refresh_during_merge_applies_adds_and_deletes(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = refreshed(filled)
    rng = np.random.default_rng(8)
    ids = [publish(filled, f"small {number}", rng, pieces={"picture": 2}).id for number in range(4)]
    for _ in ids:
        searcher.follower.refresh()
    publish(filled, "fourth part", rng)
    searcher.follower.refresh()
    for number in range(3):
        publish(filled, f"more {number}", rng)
        searcher.follower.refresh()
    merge_started, merge_may_end = threading.Event(), threading.Event()
    merge_parts = parts.merge_parts

    def merge_slowly(*arguments: Any) -> Any:
        merge_started.set()
        assert merge_may_end.wait(60)
        return merge_parts(*arguments)

    monkeypatch.setattr(index, "merge_parts", merge_slowly)
    with ThreadPoolExecutor(1) as pool:
        merging = pool.submit(searcher.follower.merge_parts)
        assert merge_started.wait(60)
        before = len(searcher.follower.snapshot.parts)
        publish(filled, "while merging", rng)
        filled.catalog.delete_item(ids[1])
        searcher.follower.refresh()
        assert len(searcher.follower.snapshot.parts) == before + 1
        assert_complete(searcher, filled)
        merge_may_end.set()
        merging.result()
    assert len(searcher.follower.snapshot.parts) <= 2
    assert_complete(searcher, filled)
    names = {part.name for part in searcher.follower.snapshot.parts}
    assert {path.name for path in folder(filled).iterdir()} == names | {NAME}


def test_merge_parts_removes_folders_of_crashed_merge(filled: Store) -> None:
    searcher = refreshed(filled)
    (folder(filled) / f"{index.MERGING}left").mkdir()
    searcher.follower.merge_parts()
    assert [path.name for path in folder(filled).glob(f"{index.MERGING}*")] == []
    assert_complete(searcher, filled)


def test_concurrent_writers_index_each_item_once(filled: Store) -> None:
    searchers = [Searcher(filled, SPACE, filled.settings) for _ in range(4)]
    rng = np.random.default_rng(4)
    for round_ in range(3):
        publish(filled, f"round {round_}", rng)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(searcher.follower.refresh) for searcher in searchers]:
                done.result()
        for searcher in searchers:
            assert_complete(searcher, filled)
    seqs = [int(seq) for part in searchers[0].follower.snapshot.parts for seq in part.segments.item_seq]
    assert len(seqs) == len(set(seqs)), "no item was indexed twice"


def test_refresh_of_locked_index_raises_and_search_continues(filled: Store) -> None:
    searcher = refreshed(filled)
    assert searcher.follower.lag_seconds() == 0.0
    publish(filled, "new", np.random.default_rng(0))
    lock_held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with hold_lock(filled.settings.root / "locks" / f"index-{SPACE}.lock", 1.0):
            lock_held.set()
            release.wait(30)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        lock_held.wait(30)
        with pytest.raises(Unavailable, match="Another process"):
            searcher.follower.refresh(0.05)
        assert 0.0 <= searcher.follower.lag_seconds() < searcher.follower.lag_seconds(), "the lag grows while changes are missing"
        searcher.search(random_query(np.random.default_rng(0)), 5, ALL, 0.0)
        release.set()
    searcher.follower.refresh()
    assert searcher.follower.lag_seconds() == 0.0
    assert_complete(searcher, filled)


@pytest.mark.parametrize("step", ["part", "manifest", "place"])
def test_crash_while_writing_index_keeps_old_index(filled: Store, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    class Crash(BaseException):
        """Simulates a kill."""

    def crash(*args: object, **kwargs: object) -> None:
        raise Crash

    searcher = refreshed(filled)
    publish(filled, "new", np.random.default_rng(0))
    with monkeypatch.context() as patch:
        if step == "part":
            patch.setattr(parts, "save_file", crash)
        elif step == "manifest":
            patch.setattr(os, "fsync", crash)
        else:
            patch.setattr(files, "rename_durable", crash)
        with pytest.raises(Crash):
            searcher.follower.refresh()
    assert [len(part) for part in refreshed(filled).follower.snapshot.parts] != []
    searcher.follower.refresh()
    assert_complete(searcher, filled)
    names = {part.name for part in searcher.follower.snapshot.parts}
    assert {path.name for path in folder(filled).iterdir()} == names | {NAME}, "files of the crash are removed"


def test_refresh_on_full_disk_raises_and_search_continues(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    searcher = refreshed(filled)
    query = random_query(np.random.default_rng(0))
    before = searcher.search(query, 5, ALL, 0.0)
    publish(filled, "new", np.random.default_rng(0))
    for function, owner in (("save_file", parts), ("fsync", os)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, function, full)
            with pytest.raises(Unavailable, match="No space left"):
                searcher.follower.refresh()
            assert searcher.search(query, 5, ALL, 0.0) == before
    searcher.follower.refresh()
    assert_complete(searcher, filled)
    assert len(list(folder(filled).iterdir())) == 1 + len(searcher.follower.snapshot.parts)


def test_refresh_with_faiss_write_error_raises_unavailable(filled: Store) -> None:
    searcher = refreshed(filled)
    publish(filled, "new", np.random.default_rng(0), pieces={"picture": 3})
    import faiss

    def full(*args: object) -> None:
        raise RuntimeError("write error: No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss, "write_index", full)
        with pytest.raises(Unavailable, match="No space left"):
            searcher.follower.refresh()
    searcher.follower.refresh()
    assert_complete(searcher, filled)
