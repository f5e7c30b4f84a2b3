"""Query parameters of a list with random access by offset, as a scrolling view needs it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import NaiveDatetime

from indexes.catalog.records import BrowseFilters, ItemFilters
from mm.errors import InvalidInput
from mm.schemas import ItemSort

MAX_OFFSET = 10_000_000


@dataclass(frozen=True, slots=True)
class BrowseParameters:
    """Conditions of a list with random access, by name, upload and metadata of the file."""

    name: Annotated[str | None, Query(max_length=200, description="Substring of the name.")] = None
    uploaded_after: Annotated[datetime | None, Query()] = None
    uploaded_before: Annotated[datetime | None, Query()] = None
    taken_after: Annotated[
        NaiveDatetime | None, Query(description="Taken at or after this time, on the clock at the place: without an offset.")
    ] = None
    taken_before: Annotated[NaiveDatetime | None, Query(description="Taken before this time.")] = None
    camera: Annotated[str | None, Query(max_length=100, description="Substring of make and model of the camera.")] = None
    has_place: Annotated[bool | None, Query(description="Whether the place where it was taken is known.")] = None
    place: Annotated[str | None, Query(max_length=200, description="Words of the name of the place where it was taken.")] = None
    language: Annotated[str | None, Query(max_length=8, description="Code of a language that is spoken in it.")] = None
    album: Annotated[str | None, Query(max_length=64, description="Id of an album that has it, or a time range of it.")] = None

    def are_used(self) -> bool:
        """Whether any of them is given."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def extend(self, filters: ItemFilters) -> BrowseFilters:
        """Combine the filters of every list with these."""
        return BrowseFilters(
            kinds=filters.kinds,
            tags=filters.tags,
            status=filters.status,
            favourite=filters.favourite,
            name=self.name or "",
            uploaded_after=self.uploaded_after,
            uploaded_before=self.uploaded_before,
            taken_after=self.taken_after,
            taken_before=self.taken_before,
            camera=self.camera or "",
            has_place=self.has_place,
            place=self.place or "",
            language=self.language or "",
            album=self.album or "",
        )


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """Dependency of a list route. Without these parameters, a list is paged by its cursor."""

    offset: Annotated[
        int | None,
        Query(ge=0, le=MAX_OFFSET, description="Number of items to skip; the response has `total` and no `next`."),
    ] = None
    sort: Annotated[ItemSort, Query(description="Only with `offset`.")] = "newest"

    def check(self, cursor: str | None, browsed: BrowseParameters) -> None:
        """Raise `InvalidInput` for parameters that cannot be combined."""
        if self.offset is None and (self.sort != "newest" or browsed.are_used()):
            names = ", ".join(f"`{field.name}`" for field in fields(browsed))
            raise InvalidInput(f"`sort`, {names} require `offset`, which may be 0.")
        if self.offset is not None and cursor is not None:
            raise InvalidInput("Use either `cursor` or `offset`, not both.")
