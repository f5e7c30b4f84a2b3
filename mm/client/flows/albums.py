"""Albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.errors import InvalidInput
from mm.schemas import (
    MAX_ALBUM_CHANGE,
    AddedEntries,
    AddEntries,
    Album,
    AlbumList,
    AlbumPatch,
    EntryPage,
    EntrySpec,
    HitExportFormat,
    MoveEntries,
    NewAlbum,
    RemovedEntries,
    RemoveEntries,
)


def create(name: str, *, note: str = "") -> Flow[Album]:
    """Create an empty album. Raises `Conflict` for a name in use, `InvalidInput`."""
    body = NewAlbum(name=name, note=note).model_dump()
    return parse_body((yield from Send("POST", "/v1/albums", json=body)), Album)


def list_all() -> Flow[list[Album]]:
    """List the albums, by name."""
    return parse_body((yield from Send("GET", "/v1/albums")), AlbumList).albums


def get(album_id: str) -> Flow[Album]:
    """Get an album. Raises `NotFound`."""
    return parse_body((yield from Send("GET", _path(album_id))), Album)


def edit(
    album_id: str,
    *,
    name: str | None = None,
    note: str | None = None,
    cover: int | None = None,
    version: int | None = None,
) -> Flow[Album]:
    """Change name, note or cover of an album; what is unset stays.

    `cover` is the id of an entry, or 0 for the first one. With the `version` of the album that was
    read, a change by someone else since then raises `Conflict`. Raises `NotFound`, `InvalidInput`.
    """
    patch = AlbumPatch.model_construct(name=name, note=note, cover=cover, version=version)
    return parse_body((yield from Send("PATCH", _path(album_id), json=patch.model_dump())), Album)


def delete(album_id: str) -> Flow[None]:
    """Delete an album; its items stay in the library. Raises `NotFound`."""
    read_body((yield from Send("DELETE", _path(album_id))))


def entries(album_id: str, *, offset: int = 0, limit: int = 50) -> Flow[EntryPage]:
    """List one page of the entries of an album in order, without those of items in the trash.

    Raises `NotFound`.
    """
    params = {"offset": offset, "limit": limit}
    return parse_body((yield from Send("GET", f"{_path(album_id)}/entries", params=params)), EntryPage)


def add(album_id: str, items: Sequence[str | EntrySpec], *, before: int | None = None) -> Flow[AddedEntries]:
    """Add items, by id, or time ranges of items to an album, before an entry or at the end.

    What the album has already is unchanged. Sends as many requests as the entries need. Raises
    `NotFound` for the album, `InvalidInput` for a time range outside its item.
    """
    specs = [EntrySpec(item=item) if isinstance(item, str) else item for item in items]
    if not specs:
        raise InvalidInput("There are no items to add.")
    results = []
    for start in range(0, len(specs), MAX_ALBUM_CHANGE):
        request = AddEntries(entries=specs[start : start + MAX_ALBUM_CHANGE], before=before)
        response = yield from Send("POST", f"{_path(album_id)}/entries", json=request.model_dump())
        added = parse_body(response, AddedEntries)
        results += added.results
    return AddedEntries(results=results, added=sum(result.outcome == "added" for result in results), album=added.album)


def remove(album_id: str, entries: Sequence[int] = (), *, items: Sequence[str] = ()) -> Flow[RemovedEntries]:
    """Remove entries, by id, and all entries of some items from an album; the items stay.

    Raises `NotFound` for the album, `InvalidInput`.
    """
    request = RemoveEntries(entries=list(entries), items=list(items))
    response = yield from Send("POST", f"{_path(album_id)}/entries/remove", json=request.model_dump())
    return parse_body(response, RemovedEntries)


def move(album_id: str, entries: Sequence[int], *, before: int | None = None) -> Flow[Album]:
    """Move entries, in their order, before another entry or to the end.

    Raises `NotFound` for the album or an entry, `InvalidInput`.
    """
    request = MoveEntries(entries=list(entries), before=before)
    return parse_body((yield from Send("POST", f"{_path(album_id)}/entries/move", json=request.model_dump())), Album)


def export(album_id: str, export_format: HitExportFormat = "csv") -> Flow[bytes]:
    """Get the entries of an album as a CSV or JSON file, or as a contact sheet (`html`).

    A contact sheet has at most 200 entries. Raises `NotFound`, `InvalidInput`.
    """
    return read_body((yield from Send("GET", f"{_path(album_id)}/export", params={"format": export_format})))


def _path(album_id: str) -> str:
    return f"/v1/albums/{quote_id(album_id)}"
