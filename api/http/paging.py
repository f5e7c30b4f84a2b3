"""Query parameters of a list with random access by offset, as a scrolling view needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query

from indexes.catalog.records import BrowseFilters, ItemFilters
from mm.errors import InvalidInput
from mm.schemas import ItemSort

MAX_OFFSET = 10_000_000


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """Dependency of a list route. Without these parameters, a list is paged by its cursor."""

    offset: Annotated[
        int | None,
        Query(ge=0, le=MAX_OFFSET, description="Number of items to skip; the response has `total` and no `next`."),
    ] = None
    sort: Annotated[ItemSort, Query(description="Only with `offset`.")] = "newest"
    name: Annotated[str | None, Query(max_length=200, description="Substring of the name. Only with `offset`.")] = None
    uploaded_after: Annotated[datetime | None, Query(description="Only with `offset`.")] = None
    uploaded_before: Annotated[datetime | None, Query(description="Only with `offset`.")] = None

    def check(self, cursor: str | None) -> None:
        """Raise `InvalidInput` for parameters that cannot be combined."""
        only_with_offset = (self.name, self.uploaded_after, self.uploaded_before)
        if self.offset is None and (self.sort != "newest" or any(value is not None for value in only_with_offset)):
            raise InvalidInput("`sort`, `name`, `uploaded_after` and `uploaded_before` require `offset`, which may be 0.")
        if self.offset is not None and cursor is not None:
            raise InvalidInput("Use either `cursor` or `offset`, not both.")

    def filters(self, filters: ItemFilters) -> BrowseFilters:
        """Combine the filters of every list with those of this dependency."""
        return BrowseFilters(
            filters.kinds, filters.tags, filters.status, self.name or "", self.uploaded_after, self.uploaded_before
        )
