"""Bring the tables of a catalog up to date, whoever else starts at the same moment."""

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
ADVISORY_LOCK = 0x6D6D  # any number that is the same in all processes


def migrate(database: Database, lock: Path) -> None:
    """Run the migrations that are missing, in one transaction. `lock` is a file beside the catalog,
    used with SQLite only.

    Raises `Unavailable` when the database does not answer or was written by a newer version.
    """
    from alembic import command
    from alembic.util import CommandError

    config = _config()
    try:
        if database.dialect == "sqlite":  # to switch a new file to WAL needs it alone; waiting is not built into that
            with hold_lock(lock, LOCK_SECONDS), database.begin_write() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            return
        with database.begin_write() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable(f"The catalog cannot be brought up to date, a newer version may have written it: {error}.") from error


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
