"""Migrated catalogs for tests: the migrations run once in a process for each database system.

A new file of SQLite is a copy of a migrated one, and an empty schema of PostgreSQL receives the
statements that the migrations executed in the first one; each has an identity of its own. The
result is that of `migrate`, which `test_migrated.py` compares.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event, inspect, text

from indexes.catalog.database import Database, sqlite_file
from indexes.catalog.migrate import ADVISORY_LOCK, LOCK_SECONDS
from indexes.storage.files import hold_lock

if TYPE_CHECKING:
    from sqlalchemy import Connection

Migrate = Callable[[Database, Path], None]


class MigratedCatalogs:
    """Stands in for `migrate`, with the same effect in less time."""

    def __init__(self, folder: Path, migrate: Migrate) -> None:
        self._folder, self._migrate = folder, migrate
        self._statements: list[str] = []
        self._insert = ""

    def migrate(self, database: Database, lock: Path) -> None:
        """Run the missing migrations; raises as `mm` does."""
        path = sqlite_file(database.url)
        if path is None:
            self._fill_schema(database)
        elif not path.exists():
            self._copy(path, lock)
        self._migrate(database, lock)

    def _copy(self, path: Path, lock: Path) -> None:
        template = self._folder / "migrated.db"
        if not template.exists():
            unfinished = self._folder / "unfinished.db"
            database = Database(f"sqlite:///{unfinished}")
            self._migrate(database, self._folder / "lock")
            database.close()
            unfinished.replace(template)
        with hold_lock(lock, LOCK_SECONDS):
            if path.exists():
                return
            new = path.with_name(f"{path.name}.new")
            shutil.copyfile(template, new)
            with closing(sqlite3.connect(new)) as connection, connection:
                connection.execute("UPDATE library SET identity = ?", (new_identity(),))
            new.replace(path)

    def _fill_schema(self, database: Database) -> None:
        with database.begin_write() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            if inspect(connection).has_table("alembic_version"):
                return
            if self._statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(";\n".join(self._statements))
                connection.execution_options(no_parameters=False)
                connection.exec_driver_sql(self._insert, {"pk": 1, "identity": new_identity(), "head": 0})
                return
        self._record(database)

    def _record(self, database: Database) -> None:
        """Migrate, and keep the statements that change something."""
        statements: list[str] = []
        inserts: list[str] = []

        def keep(connection: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
            if parameters and statement.startswith("INSERT"):
                inserts.append(statement)
            elif not statement.lstrip().startswith("SELECT"):
                assert not parameters, statement
                statements.append(statement)

        event.listen(database._engine, "before_cursor_execute", keep)
        try:
            self._migrate(database, self._folder / "lock")
        finally:
            event.remove(database._engine, "before_cursor_execute", keep)
        (self._insert,) = inserts  # the row of the library is the only one
        self._statements = statements


def new_identity() -> str:
    """An identity of a library, as the first migration draws it."""
    return secrets.token_hex(16)
