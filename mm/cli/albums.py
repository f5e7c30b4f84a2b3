"""Albums on the command line: found by name, and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli.format import describe_item, format_span
from mm.cli.render import print_rows
from mm.embedded.terminal import clean
from mm.errors import InvalidInput, NotFound
from mm.schemas import EntrySpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.client import Client
    from mm.schemas import AddedEntries, Album, AlbumEntry


def find_album(client: Client, name: str) -> Album:
    """Return the album with this id or name, else the only one with the name in another case.

    Raises `NotFound`, and `InvalidInput` if several have it.
    """
    albums = client.albums.list()
    for album in albums:
        if name in {album.id, album.name}:
            return album
    matching = [album for album in albums if album.name.casefold() == name.casefold()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise InvalidInput(f"Several albums are called {name!r}; write the name in its case, or the id.")
    raise NotFound(f"There is no album {name!r:.80}; `mm albums` lists all.")


def parse_entry(text: str) -> EntrySpec:
    """Parse `ID` or `ID@START-END`, in seconds. Raises `click.BadParameter`."""
    item, at, span = text.partition("@")
    start, _, end = span.partition("-")
    try:
        return EntrySpec(item=item, start=float(start) if at else None, end=float(end) if at else None)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: write the id of an item, or ID@START-END in seconds, as in 88431cd9@12.5-20."
        ) from None


def print_albums(albums: Sequence[Album]) -> None:
    """Print a line for each album."""
    rows = [
        (clean(album.name), f"{album.entries:,}", f"{album.updated_at.astimezone():%Y-%m-%d %H:%M}", clean(album.note), album.id)
        for album in albums
    ]
    print_rows(("album", "entries", "changed", "note", "id"), rows)


def print_entries(album: Album, entries: Sequence[AlbumEntry]) -> None:
    """Print the entries of an album in order."""
    rows = [
        (
            str(entry.id),
            "all" if entry.start is None or entry.end is None else format_span(entry.start, entry.end, entry.item.duration),
            clean(entry.item.name),
            describe_item(entry.item),
            "cover" if entry.is_cover else "",
            entry.item.id,
        )
        for entry in entries
    ]
    print_rows(("entry", "part", "name", "file", "", "item"), rows)
    hidden = f", {album.hidden:,} more in the trash" if album.hidden else ""
    click.echo(f"{clean(album.name)}: {album.entries:,} entries{hidden}. {clean(album.note)}".rstrip(), err=True)


def print_added(response: AddedEntries) -> int:
    """Print how many entries were added, and each unknown item. Returns the number of these."""
    missing = [result.item for result in response.results if result.outcome == "not-found"]
    for item in missing:
        click.echo(f"There is no such item: {clean(item)}", err=True)
    unchanged = len(response.results) - response.added - len(missing)
    rest = f", {unchanged:,} were in it already" if unchanged else ""
    click.echo(f"{response.added:,} of {len(response.results):,} added to {clean(response.album.name)}{rest}.")
    return len(missing)
