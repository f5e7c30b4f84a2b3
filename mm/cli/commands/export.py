"""`mm export`: write clips, or lists of hits or of an album, to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.client import Client
    from mm.schemas import EntrySpec, HitExportFormat, SearchRequest

URL = click.option("--url", metavar="URL", help="Address of a running service; default is the service of MM_HOME.")
OUTPUT = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="File to write; existing files are not replaced.",
)  # fmt: skip
QUERY = click.option("--search", "query", metavar="TEXT", help="Export the hits of TEXT.")
K = click.option("-k", "--k", default=100, show_default=True, metavar="N", help="Largest number of hits of --search.")


@click.group()
def command() -> None:
    """Export clips, or a list of hits or of the entries of an album, to a file.

    The hits of --search are likely, possible and weak ones.
    """


@command.command()
@click.argument("ranges", nargs=-1, metavar="[ID[@START-END]]...")
@options.album
@QUERY
@K
@click.option("--exact", is_flag=True, help="Encode again and cut exactly; else copy from the key frame before START on.")
@OUTPUT
@options.service
@click.pass_context
def clips(
    ctx: click.Context,
    ranges: tuple[str, ...],
    album: str | None,
    query: str | None,
    k: int,
    exact: bool,
    output: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Cut clips of time ranges in seconds, of the entries of an album, or of the hits of a text.

    One clip is written as it is, several as a ZIP file with manifest.json, which has the times that
    each really has. A clip that cannot be cut is printed, and the exit code is 1. Ctrl+C cancels.
    """
    from mm.cli.albums import find_album, parse_entry
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect
    from mm.errors import Conflict
    from mm.files import write_atomic

    _require_new(output)
    if bool(ranges) + bool(album) + bool(query) != 1:
        raise click.UsageError("Name time ranges, --album, or --search.")
    specs = [parse_entry(text) for text in ranges]
    with connect(url) as client:
        if query is not None:
            specs = _list_hits(client, query, k)
        export = client.exports.create(specs, album=find_album(client, album).id if album else None, exact=exact)
        try:
            with open_progress() as progress, progress.task("cutting clips") as show:
                export = client.exports.wait(export.id, on_progress=show)
        except KeyboardInterrupt:
            client.exports.delete(export.id)
            raise
        for failure in export.failures:
            click.echo(f"{failure.item} from {failure.start:.1f} s: {failure.error}", err=True)
        if export.state != "done":
            raise Conflict(f"The export is {export.state}: {export.error or 'no clip could be cut.'}")
        write_atomic(output, client.exports.content(export.id))
    if as_json:
        click.echo(export.model_dump_json(indent=2))
    else:
        click.echo(f"{export.done:,} of {export.clips:,} clips written to {output}", err=True)
    if export.failures:
        ctx.exit(1)


@command.command("csv")
@options.album
@QUERY
@K
@OUTPUT
@URL
def csv_file(album: str | None, query: str | None, k: int, output: Path, url: str | None) -> None:
    """Write a row for each hit or entry."""
    _export_list("csv", album, query, k, output, url)


@command.command("json")
@options.album
@QUERY
@K
@OUTPUT
@URL
def json_file(album: str | None, query: str | None, k: int, output: Path, url: str | None) -> None:
    """Write the hits, or the album with its entries, as the API returns them."""
    _export_list("json", album, query, k, output, url)


@command.command()
@options.album
@QUERY
@K
@OUTPUT
@URL
def sheet(album: str | None, query: str | None, k: int, output: Path, url: str | None) -> None:
    """Write a contact sheet: one HTML file with the images of up to 200 hits or entries."""
    _export_list("html", album, query, k, output, url)


def _export_list(
    export_format: HitExportFormat, album: str | None, query: str | None, k: int, output: Path, url: str | None
) -> None:
    from mm.cli.albums import find_album
    from mm.embedded.connect import connect
    from mm.files import write_atomic

    _require_new(output)
    if (album is None) == (query is None):
        raise click.UsageError("Use either --album or --search.")
    with connect(url) as client:
        if query is not None:
            data = client.export_hits(_request(query, k), export_format)
        else:
            data = client.albums.export(find_album(client, album or "").id, export_format)
    write_atomic(output, data)
    click.echo(f"written to {output}", err=True)


def _request(query: str, k: int) -> SearchRequest:
    from mm.schemas import SearchRequest

    return SearchRequest(text=query, k=k)


def _list_hits(client: Client, query: str, k: int) -> list[EntrySpec]:
    """The time ranges of the hits of a text; images have none."""
    from mm.errors import NotFound
    from mm.schemas import EntrySpec

    hits = client.search(query, k=k).hits
    specs = [EntrySpec(item=hit.item.id, start=hit.start, end=hit.end) for hit in hits if hit.end > hit.start]
    if not specs:
        raise NotFound(f"No video and no sound matches {query!r:.80}.")
    return specs


def _require_new(path: Path) -> None:
    if path.exists():
        raise click.UsageError(f"{path} exists already.")
