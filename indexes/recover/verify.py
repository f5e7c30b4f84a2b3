"""Whether every row of a catalog can be read, and names items as their descriptions do: damage that
SQLite does not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from indexes.catalog.database import REPAIR, DamagedCatalog
from indexes.catalog.tables import Item, Table
from mm.errors import Corrupt, InvalidInput, Unavailable

if TYPE_CHECKING:
    from indexes.catalog.database import Database
    from indexes.storage.descriptions import DescriptionStore


def verify_rows(database: Database, descriptions: DescriptionStore) -> None:
    """Read all rows of all tables. Raises `DamagedCatalog`."""
    try:
        with database.read() as session:
            for table in Table.metadata.sorted_tables:
                for _ in session.execute(select(table)):
                    pass
            named = session.execute(select(Item.sha256, Item.name)).tuples().all()
        for sha256, name in named:
            if not _agrees(descriptions, sha256, name):
                raise DamagedCatalog(f"The catalog is damaged: it calls the item {sha256[:32]} by another name. {REPAIR}")
    except DamagedCatalog:
        raise
    except (Unavailable, InvalidInput, ValueError, LookupError) as error:
        raise DamagedCatalog(f"The catalog is damaged: a row cannot be read. {REPAIR}") from error


def _agrees(descriptions: DescriptionStore, sha256: str, name: str) -> bool:
    try:
        description = descriptions.read(sha256)
    except Corrupt:
        return True
    return description is None or description.name == name
