"""Faults of the database of the catalog, and concurrent writes."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexes import Store, open_store
from indexes.catalog import database
from mm.errors import Unavailable
from mm.settings import Settings
from tests.indexes.library import add, add_planned_job, publish
from tests.indexes.postgres import Postgres


@pytest.mark.xdist_group("postgresql")
def test_catalog_raises_unavailable_while_postgresql_is_stopped(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.new_database()
    with open_store(Settings(home=tmp_path, database_url=url)) as store:
        _, job = add(store, 1)
        postgres.block_connections(url)
        for call in (
            lambda: store.catalog.get_job(job.id),
            lambda: store.catalog.update_job(job.id, stage="x"),
            lambda: store.catalog.record_heartbeat("w", 1.0),
            store.catalog.count_rows,
        ):
            with pytest.raises(Unavailable, match="catalog"):
                call()
        postgres.allow_connections(url)
        assert store.catalog.get_job(job.id) == job


def test_catalog_write_raises_unavailable_while_sqlite_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with open_store(Settings(home=tmp_path)) as store:
        _, job = add(store, 1)
        other = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            store.catalog.update_job(job.id, stage="x")
        assert store.catalog.get_job(job.id) == job, "readers go on"
        other.execute("ROLLBACK")
        other.close()
        store.catalog.update_job(job.id, stage="x")


def test_catalog_read_of_damaged_sqlite_file_raises_unavailable(sqlite_store: Store) -> None:
    publish(sqlite_store, 1, np.random.default_rng(0))
    sqlite_store.close()
    path = sqlite_store.settings.root / "catalog.db"
    for file in path.parent.glob("catalog.db-*"):
        file.unlink()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(Unavailable):
        sqlite_store.catalog.list_jobs(10)


def work(settings: Settings, number: int) -> None:
    """Write as a worker does, in a process of its own."""
    with open_store(settings) as store:
        for seed in range(5):
            job, chunks = add_planned_job(store, f"{number} {seed}", 2)
            for chunk in chunks:
                assert store.catalog.lease_chunk(chunk.pk, str(number), 60)
                store.catalog.update_job(job.id, state="running", progress=0.5)
                assert store.catalog.finish_chunk(chunk.pk, str(number), "0" * 64)
            assert store.catalog.commit_item(job.id, [])
            store.catalog.record_heartbeat(str(number), float(seed))


def test_catalog_writes_of_several_processes_are_all_committed(settings: Settings) -> None:
    with open_store(settings) as store:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=work, args=(settings, number)) for number in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
        counts = store.catalog.count_rows()
        assert (counts.items, counts.jobs["done"]) == (15, 15)
        assert store.catalog.get_head() == 15


def test_catalog_more_threads_than_connections_all_commit(sqlite_store: Store) -> None:
    with ThreadPoolExecutor(2 * database.CONNECTIONS) as pool:
        for done in [pool.submit(add, sqlite_store, seed % 7) for seed in range(4 * database.CONNECTIONS)]:
            done.result()
    assert sqlite_store.catalog.count_rows().items == 7
