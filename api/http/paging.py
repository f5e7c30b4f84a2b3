"""Parameters of a list that is looked through from any place on, as a page that scrolls does."""

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
class Browse:
    """A dependency. Without any of them, a list goes by its cursor."""

    offset: Annotated[
        int | None,
        Query(ge=0, le=MAX_OFFSET, description="Leave out the first so many; the answer has `total` and no `next`."),
    ] = None
    sort: Annotated[ItemSort, Query(description="With `offset` only.")] = "newest"
    name: Annotated[str | None, Query(max_length=200, description="A part of the name. With `offset` only.")] = None
    uploaded_after: Annotated[datetime | None, Query(description="With `offset` only.")] = None
    uploaded_before: Annotated[datetime | None, Query(description="With `offset` only.")] = None

    def check(self, cursor: str | None) -> None:
        """Raise `InvalidInput` for parameters that do not go together."""
        only_with_offset = (self.name, self.uploaded_after, self.uploaded_before)
        if self.offset is None and (self.sort != "newest" or any(value is not None for value in only_with_offset)):
            raise InvalidInput("`sort`, `name`, `uploaded_after` and `uploaded_before` go with `offset`, which may be 0.")
        if self.offset is not None and cursor is not None:
            raise InvalidInput("A list goes on by `cursor` or by `offset`, not by both.")

    def filters(self, filters: ItemFilters) -> BrowseFilters:
        """Those of every list, and those of this one."""
        return BrowseFilters(
            filters.kinds, filters.tags, filters.status, self.name or "", self.uploaded_after, self.uploaded_before
        )
