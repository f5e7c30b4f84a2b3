"""Finds the item that an assistant refers to by its id or by its file name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.records import BrowseFilters
from mm.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from api.service import Service
    from indexes.catalog.records import ItemRow

MAX_CANDIDATES = 8


def find_item(service: Service, reference: str) -> ItemRow:
    """Return the item with this id, with this file name, or the only one whose name contains it.

    Case is ignored in names. Raises `NotFound`, and `InvalidInput` with the candidates if several
    items have the name.
    """
    catalog = service.store.catalog
    if (item := catalog.get_item(reference)) is not None:
        return item
    rows, num_rows = catalog.browse_items(BrowseFilters(name=reference), "newest", 0, MAX_CANDIDATES)
    same_name = [row for row in rows if row.name.lower() == reference.lower()]
    matches = same_name or rows
    if not matches:
        raise NotFound(f"There is no item with the id or the name {reference!r}; search the library for it first.")
    if len(matches) > 1:
        listed = ", ".join(f"{row.name} ({row.id})" for row in matches)
        num_matches = len(same_name) or num_rows
        raise InvalidInput(f"{num_matches} items have a name with {reference!r}: {listed}. Use one of these ids.")
    return matches[0]
