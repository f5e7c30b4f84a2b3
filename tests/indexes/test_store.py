"""Opening a library, from several processes at once, and cleaning it."""

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


def test_migrations_make_the_tables_that_the_code_has(store: Store) -> None:
    with store.database.begin_write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def test_a_library_is_there_when_it_is_opened_again(settings: Settings) -> None:
    with open_store(settings) as store:
        identity = store.catalog.identity()
        item = publish(store, 1, np.random.default_rng(0))
    with open_store(settings) as store:
        assert store.catalog.get_item(item.id) == item
        assert store.catalog.identity() == identity


def test_several_processes_may_make_a_library_at_once(settings: Settings) -> None:
    code = """if True:
        from indexes import open_store
        from mm.settings import load_settings
        print(open_store(load_settings()).catalog.identity())
    """
    environment = {**os.environ, "MM_HOME": str(settings.home), "MM_DATABASE_URL": settings.database_url}
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=300) for process in started]
    assert {process.returncode for process in started} == {0}, outputs
    assert len({identity for identity, _ in outputs}) == 1


def test_opening_a_library_loads_neither_faiss_nor_a_tower() -> None:
    code = "import sys, indexes, indexes.search.searcher; print({'faiss', 'torch', 'onnxruntime', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_sqlite_is_safe_against_a_power_cut_and_keeps_references(sqlite_store: Store) -> None:
    with sqlite_store.database.begin_write() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_a_database_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="MM_DATABASE_URL"):
        open_store(Settings(home=tmp_path, database_url=url))


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable, match="file"):
        open_store(Settings(home=tmp_path / "file" / "home"))


def test_a_catalog_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        open_store(Settings(home=tmp_path))
    assert (tmp_path / "catalog.db").read_bytes().startswith(b"this"), "it is somebody's file"


def test_a_catalog_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(Unavailable, match="unable to open"):
        open_store(Settings(home=tmp_path))


def test_a_catalog_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    with open_store(settings) as store, store.database.begin_write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer version"):
        open_store(settings)


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not respond"):
        open_store(Settings(home=tmp_path, database_url=f"postgresql://nobody@/none?host={tmp_path}"))


def test_the_sweep_removes_what_no_row_knows(sqlite_store: Store) -> None:
    store = sqlite_store
    rng = np.random.default_rng(0)
    kept, gone = publish(store, 1, rng), publish(store, 2, rng)
    shared = store.shards.write(SPACE, {"picture": np.ones((1, 8), np.float16)}, [])
    with store.blobs.open_writer() as writer:
        writer.write(b"an upload whose process died before it wrote the row")
        orphan, _ = writer.commit()
    files = [path for path in store.settings.root.glob("*/??/*") if path.is_file()]
    assert store.sweep(3600.0) == 0, "all are young"
    for path in files:
        os.utime(path, (1, 1))
    shards = {path for path in files if path.suffix}
    store.catalog.delete_item(gone.id)
    assert store.shards.write(SPACE, {"picture": np.ones((1, 8), np.float16)}, []) == shared, "a worker writes it again"
    assert store.sweep(3600.0) == 2
    assert not store.blobs.path(orphan).exists()
    assert store.shards.path(shared).exists()
    assert len([path for path in shards if path.exists()]) == 2
    (publication,) = store.catalog.changes_after(0, SPACE, 10).publications
    for row in store.catalog.list_evidence([publication.item_pk], SPACE):
        assert store.shards.path(row.shard_id).exists()
    assert store.catalog.get_item(kept.id) == kept
