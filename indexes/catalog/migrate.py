"""Migrations of the catalog, safe to run from several processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from indexes.catalog.database import sqlite_file
from indexes.storage.files import hold_lock
from mm.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

    from indexes.catalog.database import Database

FOLDER = Path(__file__).parent / "migrations"
LOCK_SECONDS = 120.0
ADVISORY_LOCK = 0x6D6D
"""Key of the advisory lock of PostgreSQL, the same in all processes."""


def migrate(database: Database, lock: Path) -> None:
    """Run the missing migrations in one transaction.

    `lock` is a lock file, used with SQLite only. Raises `Unavailable` when the database does not
    respond or was written by a newer version of mm.
    """
    if is_migrated(database):
        return
    from alembic import command
    from alembic.util import CommandError

    config = _config()
    try:
        if database.dialect == "sqlite":  # switching to WAL needs exclusive access and does not wait for it
            with hold_lock(lock, LOCK_SECONDS), database.begin_write() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            return
        with database.begin_write() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        message = f"The catalog cannot be migrated: {error}. If a newer version of mm wrote it, use that version."
        raise Unavailable(message) from error


def is_migrated(database: Database) -> bool:
    """Whether every migration has run. Without Alembic, whose import prolongs each start.

    Raises `Unavailable` when the database does not respond.
    """
    path = sqlite_file(database.url)
    if path is not None and not path.exists():
        return False
    with database.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table("alembic_version"):
            return False
        return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == [find_last_revision()]


def find_last_revision() -> str:
    """Revision of the newest migration: the number at the start of the name of its file."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
