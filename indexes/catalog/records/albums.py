"""Values of albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mm.schemas import AddOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexes.catalog.records.items import ItemRow


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What is to be added to an album: an item, or with both times a time range of it, seconds."""

    item_id: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumRow:
    """An album of the catalog."""

    id: str
    name: str
    note: str
    version: int
    created_at: datetime
    updated_at: datetime
    num_entries: int
    """Entries whose items are not in the trash."""
    num_hidden: int
    """Entries whose items are in the trash."""
    cover: tuple[str, float] | None
    """Id of the item of the cover and the time of its image, seconds; None without entries."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of an album whose item is not in the trash."""

    pk: int
    item: ItemRow
    start: float | None
    end: float | None
    """None, as `start`, for the whole item."""
    is_cover: bool
    """Whether it was chosen as the cover."""
    added_at: datetime


@dataclass(frozen=True, slots=True)
class AddedEntry:
    """What became of one entry that was to be added."""

    spec: EntrySpec
    outcome: AddOutcome
    pk: int | None
    """Key of the entry; None if there is no such item."""


@dataclass(frozen=True, slots=True)
class AlbumRanges:
    """What an album contains of each item."""

    whole: frozenset[str]
    """Ids of the items that are in it as a whole."""
    ranges: Mapping[str, Sequence[tuple[float, float]]]
    """Time ranges of the other items in seconds, by id."""
