"""Opening a library, also from several processes at once, and sweeping it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from indexes import Store, open_store
from indexes.catalog.tables import Table
from mm.errors import InvalidInput, Unavailable
from mm.settings import Settings
from tests.indexes.library import SPACE, publish

ROOT = Path(__file__).parents[2]


def test_migrations_create_tables_of_code(store: Store) -> None:
    with store.database.begin_write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def test_open_store_again_returns_same_library(settings: Settings) -> None:
    with open_store(settings) as store:
        identity = store.catalog.get_identity()
        item = publish(store, 1, np.random.default_rng(0))
    with open_store(settings) as store:
        assert store.catalog.get_item(item.id) == item
        assert store.catalog.get_identity() == identity


def test_open_store_concurrently_creates_one_library(settings: Settings) -> None:
    code = """if True:
        from indexes import open_store
        from mm.settings import load_settings
        print(open_store(load_settings()).catalog.get_identity())
    """
    environment = {**os.environ, "MM_HOME": str(settings.home), "MM_DATABASE_URL": settings.database_url}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert {process.returncode for process in processes} == {0}, outputs
    assert len({identity for identity, _ in outputs}) == 1


def test_import_indexes_loads_no_heavy_modules() -> None:
    code = "import sys, indexes, indexes.search.searcher; print({'faiss', 'torch', 'onnxruntime', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_sqlite_uses_wal_full_sync_and_foreign_keys(sqlite_store: Store) -> None:
    with sqlite_store.database.begin_write() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_open_store_with_unsupported_database_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="MM_DATABASE_URL"):
        open_store(Settings(home=tmp_path, database_url=url))


def test_open_store_with_unwritable_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable, match="file"):
        open_store(Settings(home=tmp_path / "file" / "home"))


def test_open_store_with_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        open_store(Settings(home=tmp_path))
    assert (tmp_path / "catalog.db").read_bytes().startswith(b"this"), "the file is unchanged"


def test_open_store_with_folder_as_catalog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(Unavailable, match="unable to open"):
        open_store(Settings(home=tmp_path))


def test_open_store_with_catalog_of_newer_version_is_refused(settings: Settings) -> None:
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer version"):
        open_store(settings)


def test_open_store_with_unreachable_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not respond"):
        open_store(Settings(home=tmp_path, database_url=f"postgresql://nobody@/none?host={tmp_path}"))


def test_sweep_removes_unreferenced_blobs_and_shards(sqlite_store: Store) -> None:
    store = sqlite_store
    rng = np.random.default_rng(0)
    remaining, deleted = publish(store, 1, rng), publish(store, 2, rng)
    shared = store.shards.write(SPACE, {"picture": np.ones((1, 8), np.float16)}, [])
    with store.blobs.open_writer() as writer:
        writer.write(b"an upload whose process died before it wrote the row")
        orphan, _ = writer.commit()
    files = [path for path in store.settings.root.glob("*/??/*") if path.is_file()]
    assert store.sweep(3600.0) == 0, "all files are new"
    for path in files:
        os.utime(path, (1, 1))
    shards = {path for path in files if path.suffix}
    store.catalog.delete_item(deleted.id)
    assert store.shards.write(SPACE, {"picture": np.ones((1, 8), np.float16)}, []) == shared, "a worker writes it again"
    assert store.sweep(3600.0) == 2
    assert not store.blobs.path(orphan).exists()
    assert store.shards.path(shared).exists()
    assert len([path for path in shards if path.exists()]) == 2
    (publication,) = store.catalog.get_changes_after(0, SPACE, 10).publications
    for row in store.catalog.list_evidence([publication.item_pk], SPACE):
        assert store.shards.path(row.shard_id).exists()
    assert store.catalog.get_item(remaining.id) == remaining
