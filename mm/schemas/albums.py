"""Albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model
from mm.schemas.media import Item

MAX_ALBUM_CHANGE = 1000
"""Entries of one request."""
AddOutcome = Literal["added", "unchanged", "not-found"]


class NewAlbum(Model):
    """An album to be created, empty."""

    name: str = Field(description="Unique among the albums.")
    note: str = ""


class AlbumPatch(Model):
    """A change of an album. What is unset stays."""

    name: str | None = None
    note: str | None = None
    cover: int | None = Field(None, ge=0, description="Id of the entry that is the cover; 0 is the first entry.")
    version: int | None = Field(
        None, ge=1, description="The `version` of the album that was read: another one is a conflict. Unset changes any version."
    )


class AlbumCover(Model):
    """The image of an album."""

    item: str
    time: float = Field(ge=0, description="Seconds from the start of the item.")
    thumbnail: str = Field(description="Path of the thumbnail, relative to the address of the service.")


class Album(Model):
    """A named, ordered selection."""

    id: str
    name: str
    note: str
    entries: int = Field(ge=0, description="Number of entries.")
    hidden: int = Field(ge=0, description="Number of further entries whose items are in the trash.")
    cover: AlbumCover | None = Field(None, description="The chosen cover, else the first entry; null without entries.")
    version: int = Field(ge=1, description="Increases with each change of the album and of its entries.")
    created_at: datetime
    updated_at: datetime


class AlbumList(Model):
    """All albums, by name."""

    albums: list[Album]


class EntrySpec(Model):
    """An item, or a time range of it, to be added to an album."""

    item: str = Field(description="Id of the item.")
    start: float | None = Field(None, ge=0, allow_inf_nan=False, description="Seconds; unset, as `end`, for the whole item.")
    end: float | None = Field(None, ge=0, allow_inf_nan=False)


class AlbumEntry(Model):
    """An item of an album, or a time range of it."""

    id: int = Field(description="Id of the entry.")
    item: Item
    start: float | None = Field(None, description="Seconds; null, as `end`, for the whole item.")
    end: float | None = None
    is_cover: bool = Field(description="Whether it was chosen as the cover.")
    added_at: datetime
    thumbnail: str = Field(description="Path of a thumbnail, relative to the address of the service.")


class EntryPage(Model):
    """Entries in the order of the album; those of items in the trash are left out."""

    entries: list[AlbumEntry]
    total: int = Field(ge=0, description="Number of all entries of the album.")


class AddEntries(Model):
    """Entries to be added, in their order."""

    entries: list[EntrySpec] = Field(description=f"At most {MAX_ALBUM_CHANGE:,}.")
    before: int | None = Field(None, description="Id of the entry before which they are inserted; unset is the end.")


class AddedEntry(Model):
    """What became of one entry of a request."""

    entry: int | None = Field(None, description="Id of the entry; null if there is no such item.")
    item: str
    outcome: AddOutcome = Field(description="`unchanged` if the album has it already; `not-found` also for items in the trash.")


class AddedEntries(Model):
    """Results in the order of the request."""

    results: list[AddedEntry]
    added: int = Field(ge=0)
    album: Album


class RemoveEntries(Model):
    """Entries to be removed from an album; their items stay in the library."""

    entries: list[int] = Field(default=[], description=f"Ids of entries, at most {MAX_ALBUM_CHANGE:,}.")
    items: list[str] = Field(default=[], description="Ids of items of which all entries are removed.")


class RemovedEntries(Model):
    """Result of removing entries; repeated, nothing more is removed."""

    removed: int = Field(ge=0)
    album: Album


class MoveEntries(Model):
    """Entries to be moved, in their order."""

    entries: list[int] = Field(description=f"Ids of entries, at most {MAX_ALBUM_CHANGE:,}.")
    before: int | None = Field(None, description="Id of the entry before which they are moved; unset is the end.")


class AlbumExport(Model):
    """An album with all its entries, as it is exported."""

    album: Album
    entries: list[AlbumEntry]
