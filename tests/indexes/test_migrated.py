"""Catalogs of tests are those of the migrations."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from indexes.catalog.database import Database
from indexes.catalog.migrate import is_migrated, migrate
from tests.indexes.conftest import BACKENDS
from tests.indexes.migrated import Migrate, MigratedCatalogs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.indexes.postgres import Postgres

SCHEMAS = {
    "sqlite": ["SELECT type, name, sql FROM sqlite_master"],
    "postgresql": [
        "SELECT table_name, column_name, column_default, is_nullable, data_type FROM information_schema.columns "
        "WHERE table_schema = current_schema()",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = current_schema()::regnamespace",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger "
        "JOIN pg_class ON tgrelid = pg_class.oid WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
    ],
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_migrated_catalogs_have_the_schema_of_the_migrations(
    tmp_path: Path, backend: str, request: pytest.FixtureRequest
) -> None:
    def new_url(name: str) -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server: Postgres = request.getfixturevalue("postgres")
        return server.new_schema()

    catalogs = MigratedCatalogs(tmp_path, migrate)
    expected, identity = migrate_and_read(new_url("expected"), migrate, tmp_path)
    assert len(expected) > 50
    read = [migrate_and_read(new_url(name), catalogs.migrate, tmp_path) for name in ("first", "second")]
    assert [schema for schema, _ in read] == [expected, expected]
    assert len({identity, *(other for _, other in read)}) == 3


def migrate_and_read(url: str, run: Migrate, folder: Path) -> tuple[list[str], str]:
    """What describes tables, indexes, constraints and triggers, and the identity of the library."""
    with closing(Database(url)) as database:
        run(database, folder / "catalog.lock")
        assert is_migrated(database)
        with database.read() as session:
            schema = "" if database.dialect == "sqlite" else str(session.execute(text("SELECT current_schema()")).scalar_one())
            rows = [row for query in SCHEMAS[database.dialect] for row in session.execute(text(query))]
            identity, head = session.execute(text("SELECT identity, head FROM library")).one()
    assert head == 0
    described = [str(tuple(row)) for row in rows]
    return sorted(row.replace(f"{schema}.", "") if schema else row for row in described), str(identity)
