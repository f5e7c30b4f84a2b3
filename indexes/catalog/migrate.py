"""Migrations of the catalog, safe to run from several processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

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


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
