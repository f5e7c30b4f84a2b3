"""Albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from api.metadata import shows_metadata
from api.request_context import current_actor
from api.serializers import THUMBNAIL_POSITION, serialize_item
from indexes.catalog.records import EntrySpec
from mm.errors import InvalidInput, TooLarge
from mm.schemas import (
    MAX_ALBUM_CHANGE,
    AddedEntries,
    AddedEntry,
    Album,
    AlbumCover,
    AlbumEntry,
    AlbumExport,
    AlbumList,
    EntryPage,
    RemovedEntries,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes import Store
    from indexes.catalog.records import AlbumRow, EntryRow
    from mm.schemas import AddEntries, AlbumPatch, MoveEntries, NewAlbum, RemoveEntries

MAX_NAME = 100
MAX_NOTE = 2000
ENTRIES_PER_READ = 500


class Albums:
    """Changes and lists albums. Safe to use from several threads.

    Methods raise `NotFound` for an unknown album.
    """

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._settings = store.settings

    def create(self, new: NewAlbum) -> Album:
        """Create an album. Raises `InvalidInput`, and `Conflict` for a name in use."""
        return serialize_album(self._catalog.create_album(check_title(new.name), _check_note(new.note), current_actor()))

    def list(self) -> AlbumList:
        """List all albums, by name."""
        return AlbumList(albums=[serialize_album(row) for row in self._catalog.list_albums()])

    def get(self, album_id: str) -> Album:
        """Return an album."""
        return serialize_album(self._catalog.get_album(album_id))

    def edit(self, album_id: str, patch: AlbumPatch) -> Album:
        """Change name, note or cover. Raises `InvalidInput`, `Conflict`."""
        row = self._catalog.edit_album(
            album_id,
            name=None if patch.name is None else check_title(patch.name),
            note=None if patch.note is None else _check_note(patch.note),
            cover=patch.cover,
            version=patch.version,
            by=current_actor(),
        )
        return serialize_album(row)

    def delete(self, album_id: str) -> None:
        """Delete an album; its items stay in the library."""
        self._catalog.delete_album(album_id, current_actor())

    def list_entries(self, album_id: str, offset: int, limit: int) -> EntryPage:
        """Return one page of the entries, without those of items in the trash."""
        rows, total = self._catalog.list_entries(album_id, offset, limit)
        return EntryPage(entries=[self._serialize_entry(row) for row in rows], total=total)

    def add(self, album_id: str, request: AddEntries) -> AddedEntries:
        """Add entries. Raises `InvalidInput` for a time range outside its item, `TooLarge`."""
        _check_count(request.entries)
        specs = [EntrySpec(entry.item, entry.start, entry.end) for entry in request.entries]
        row, added = self._catalog.add_entries(album_id, specs, before=request.before, by=current_actor())
        results = [AddedEntry(entry=entry.pk, item=entry.spec.item_id, outcome=entry.outcome) for entry in added]
        num_added = sum(entry.outcome == "added" for entry in added)
        return AddedEntries(results=results, added=num_added, album=serialize_album(row))

    def remove(self, album_id: str, request: RemoveEntries) -> RemovedEntries:
        """Remove entries; unknown ones are left out. Raises `InvalidInput`, `TooLarge`."""
        _check_count([*request.entries, *request.items])
        row, removed = self._catalog.remove_entries(album_id, request.entries, request.items, current_actor())
        return RemovedEntries(removed=removed, album=serialize_album(row))

    def move(self, album_id: str, request: MoveEntries) -> Album:
        """Change the order of entries.

        Raises `NotFound` for an entry, `InvalidInput`, `TooLarge` for too many entries.
        """
        _check_count(request.entries)
        return serialize_album(self._catalog.move_entries(album_id, request.entries, request.before, current_actor()))

    def export(self, album_id: str) -> AlbumExport:
        """Return an album with all its entries."""
        entries: list[AlbumEntry] = []
        while True:
            page = self.list_entries(album_id, len(entries), ENTRIES_PER_READ)
            entries += page.entries
            if len(page.entries) < ENTRIES_PER_READ:
                return AlbumExport(album=self.get(album_id), entries=entries)

    def _serialize_entry(self, row: EntryRow) -> AlbumEntry:
        start, end = row.start or 0.0, row.end or 0.0
        time = start if row.item.kind == "audio" else start + THUMBNAIL_POSITION * (end - start)
        return AlbumEntry(
            id=row.pk,
            item=serialize_item(row.item, metadata=shows_metadata(self._settings)),
            start=row.start,
            end=row.end,
            is_cover=row.is_cover,
            added_at=row.added_at,
            thumbnail=_thumbnail(row.item.id, time),
        )


def serialize_album(row: AlbumRow) -> Album:
    """Convert an album of the catalog."""
    cover = None
    if row.cover is not None:
        item, time = row.cover
        cover = AlbumCover(item=item, time=time, thumbnail=_thumbnail(item, time))
    return Album(
        id=row.id,
        name=row.name,
        note=row.note,
        entries=row.num_entries,
        hidden=row.num_hidden,
        cover=cover,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def check_title(name: str) -> str:
    """Return the name of an album without surrounding space. Raises `InvalidInput`."""
    stripped = name.strip()
    if not stripped or len(stripped) > MAX_NAME or any(unicodedata.category(character)[0] == "C" for character in stripped):
        raise InvalidInput(f"The name has {len(stripped)} characters; it needs 1 to {MAX_NAME}, all printable.")
    return stripped


def _check_note(note: str) -> str:
    if len(note) > MAX_NOTE or "\x00" in note:
        raise InvalidInput(f"The note has {len(note):,} characters; the maximum is {MAX_NOTE:,}, without null characters.")
    return note.strip()


def _check_count(entries: Sequence[object]) -> None:
    if not entries:
        raise InvalidInput("The request has no entries.")
    if len(entries) > MAX_ALBUM_CHANGE:
        raise TooLarge(f"The request has {len(entries):,} entries; the maximum is {MAX_ALBUM_CHANGE:,}. Send several requests.")


def _thumbnail(item_id: str, time: float) -> str:
    return f"/v1/media/{item_id}/thumbnail?t={time:.3f}"
