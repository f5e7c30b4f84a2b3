"""Names the places of items by their coordinates, of new ones and of those of earlier versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mm.errors import Unavailable

if TYPE_CHECKING:
    from indexes import Store

ROWS_PER_SWEEP = 500
"""About a tenth of a second of work."""


class PlaceNaming:
    """One step of each sweep. The table of places is loaded with the first coordinates.

    It reads the catalog only: a name can also be added to an item whose file is damaged.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_missing = False

    def step(self) -> int:
        """Name the next places. Returns the number of rows that now have a name, or none.

        Without the table, a warning is logged once, and items stay without names.
        """
        if self._is_missing:
            return 0
        rows = self._store.catalog.list_unnamed_captures(ROWS_PER_SWEEP)
        if not rows:
            return 0
        try:
            places = {pk: _name(latitude, longitude) for pk, latitude, longitude in rows}
        except Unavailable as error:
            self._is_missing = True
            structlog.get_logger().warning("places are not named", detail=str(error))
            return 0
        self._store.catalog.set_places(places)
        return len(places)


def _name(latitude: float | None, longitude: float | None) -> str:
    if latitude is None or longitude is None:
        return ""
    from mm.places.locate import name_place

    return name_place(latitude, longitude)
