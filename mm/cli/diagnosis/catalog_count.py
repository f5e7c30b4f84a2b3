"""A number of rows of the catalog, read without opening the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.cli.diagnosis.results import first_line
from mm.errors import Unavailable

if TYPE_CHECKING:
    from mm.settings import Settings


def has_library(settings: Settings) -> bool:
    """Whether there is a catalog: a database of the settings, or the file of the home folder."""
    return bool(settings.database_url) or (settings.root / "catalog.db").exists()


def read_count(settings: Settings, query: str) -> int:
    """The number that a query returns. Raises `Unavailable` with the first line of the error."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(settings.catalog_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            return int(connection.execute(sqlalchemy.text(query)).scalar_one())
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise Unavailable(first_line(error)) from error
