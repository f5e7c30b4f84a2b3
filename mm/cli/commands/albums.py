"""`mm albums`: create, fill, order and export albums."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.export_file import EXPORT, EXPORT_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.client import Client
    from mm.schemas import AlbumEntry

PAGE_SIZE = 500
URL = click.option("--url", metavar="URL", help="Address of a running service; default is the service of MM_HOME.")
ALBUM = click.argument("album", metavar="ALBUM")


@click.group(invoke_without_command=True)
@options.service
@click.pass_context
def command(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """List the albums. ALBUM is a name or an id in all commands."""
    if ctx.invoked_subcommand is not None:
        return
    from mm.cli.albums import print_albums
    from mm.embedded.connect import connect

    with connect(url) as client:
        albums = client.albums.list()
    if as_json:
        for album in albums:
            click.echo(album.model_dump_json())
    else:
        print_albums(albums)


@command.command()
@click.argument("name")
@click.option("--note", default="", help="A note.")
@options.service
def create(name: str, note: str, url: str | None, as_json: bool) -> None:
    """Create an empty album NAME."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        album = client.albums.create(name, note=note)
    click.echo(album.model_dump_json(indent=2) if as_json else album.id)


@command.command()
@ALBUM
@options.service
def show(album: str, url: str | None, as_json: bool) -> None:
    """List the entries of ALBUM in order, with their numbers."""
    from mm.cli.albums import find_album, print_entries
    from mm.embedded.connect import connect

    with connect(url) as client:
        found = find_album(client, album)
        entries = list(_iterate_entries(client, found.id))
    if as_json:
        for entry in entries:
            click.echo(entry.model_dump_json())
    else:
        print_entries(found, entries)


@command.command()
@ALBUM
@click.option("--name", help="New name.")
@click.option("--note", help="New note.")
@click.option("--cover", type=click.IntRange(min=0), metavar="ENTRY", help="Entry that is the cover; 0 is the first one.")
@options.service
def edit(album: str, name: str | None, note: str | None, cover: int | None, url: str | None, as_json: bool) -> None:
    """Change name, note or cover of ALBUM."""
    if name is None and note is None and cover is None:
        raise click.UsageError("Use --name, --note or --cover.")
    from mm.cli.albums import find_album, print_albums
    from mm.embedded.connect import connect

    with connect(url) as client:
        changed = client.albums.edit(find_album(client, album).id, name=name, note=note, cover=cover)
    if as_json:
        click.echo(changed.model_dump_json(indent=2))
    else:
        print_albums([changed])


@command.command()
@ALBUM
@click.argument("items", nargs=-1, required=True, metavar="ID[@START-END]...")
@click.option("--before", type=int, metavar="ENTRY", help="Insert before this entry; default is the end.")
@options.service
@click.pass_context
def add(ctx: click.Context, album: str, items: tuple[str, ...], before: int | None, url: str | None, as_json: bool) -> None:
    """Add items, or time ranges of items in seconds, to ALBUM.

    An id without an item is printed, and the exit code is 1.
    """
    from mm.cli.albums import find_album, parse_entry, print_added
    from mm.embedded.connect import connect

    specs = [parse_entry(item) for item in items]
    with connect(url) as client:
        response = client.albums.add(find_album(client, album).id, specs, before=before)
    if as_json:
        click.echo(response.model_dump_json(indent=2))
    elif print_added(response):
        ctx.exit(1)


@command.command()
@ALBUM
@click.argument("entries", nargs=-1, type=int, metavar="[ENTRY]...")
@click.option("--item", "items", multiple=True, metavar="ID", help="Remove all entries of this item; repeatable.")
@URL
def remove(album: str, entries: tuple[int, ...], items: tuple[str, ...], url: str | None) -> None:
    """Remove entries, by the numbers of `mm albums show`, from ALBUM. Their items stay."""
    if not entries and not items:
        raise click.UsageError("Name an ENTRY, or an item with --item.")
    from mm.cli.albums import find_album
    from mm.embedded.connect import connect

    with connect(url) as client:
        response = client.albums.remove(find_album(client, album).id, entries, items=items)
    click.echo(f"{response.removed:,} entries removed, {response.album.entries:,} left.")


@command.command()
@ALBUM
@click.argument("entries", nargs=-1, required=True, type=int, metavar="ENTRY...")
@click.option("--before", type=int, metavar="ENTRY", help="Move before this entry; default is the end.")
@URL
def move(album: str, entries: tuple[int, ...], before: int | None, url: str | None) -> None:
    """Move entries of ALBUM, in their order, before another one or to the end."""
    from mm.cli.albums import find_album
    from mm.embedded.connect import connect

    with connect(url) as client:
        client.albums.move(find_album(client, album).id, entries, before=before)


@command.command()
@ALBUM
@click.argument("path", type=EXPORT, metavar="FILE")
@URL
def export(album: str, path: Path, url: str | None) -> None:
    """Write the entries of ALBUM to FILE: .csv, .json, or .html, a contact sheet."""
    from mm.cli.albums import find_album
    from mm.embedded.connect import connect
    from mm.files import write_atomic

    with connect(url) as client:
        write_atomic(path, client.albums.export(find_album(client, album).id, EXPORT_SUFFIXES[path.suffix.lower()]))
    click.echo(f"album written to {path}", err=True)


@command.command()
@ALBUM
@URL
def delete(album: str, url: str | None) -> None:
    """Delete ALBUM. Its items stay in the library."""
    from mm.cli.albums import find_album
    from mm.embedded.connect import connect
    from mm.embedded.terminal import clean

    with connect(url) as client:
        found = find_album(client, album)
        client.albums.delete(found.id)
    click.echo(f"{clean(found.name)} deleted; its items stay in the library.")


def _iterate_entries(client: Client, album_id: str) -> Iterator[AlbumEntry]:
    """All entries of an album, page by page."""
    offset, total = 0, 1
    while offset < total:
        page = client.albums.entries(album_id, offset=offset, limit=PAGE_SIZE)
        yield from page.entries
        offset, total = offset + PAGE_SIZE, page.total
