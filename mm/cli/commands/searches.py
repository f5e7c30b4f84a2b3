"""`mm searches`: save searches, and list the new items that match them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.client import Client
    from mm.schemas import SavedMatch

PAGE_SIZE = 500
BANDS = ("likely", "possible", "weak")
URL = click.option("--url", metavar="URL", help="Address of a running service; default is the service of MM_HOME.")
SEARCH = click.argument("search", metavar="SEARCH")


@click.group(invoke_without_command=True)
@options.service
@click.pass_context
def command(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """List the saved searches. SEARCH is a name or an id in all commands."""
    if ctx.invoked_subcommand is None:
        _list(url, as_json=as_json)


@command.command("list")
@options.service
def list_all(url: str | None, as_json: bool) -> None:
    """List the saved searches with their numbers of matches."""
    _list(url, as_json=as_json)


@command.command()
@click.argument("name")
@click.argument("text", required=False)
@click.option("--without", multiple=True, metavar="WORDS", help="Text that an item must not match; repeatable.")
@options.filters
@click.option("--band", type=click.Choice(BANDS), default="likely", show_default=True, help="Least band of a match.")
@click.option("--webhook", metavar="URL", help="Post each match to this address, signed. Needs a key with the scope admin.")
@click.option("--webhook-secret", type=options.FILE, help="File with the secret of the webhook: whsec_ and base64.")
@options.service
def save(
    name: str,
    text: str | None,
    without: tuple[str, ...],
    filters: dict[str, object],
    band: str,
    webhook: str | None,
    webhook_secret: Path | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Save the search for TEXT as NAME.

    Items that become searchable from now on are matched with it; `mm searches show NAME` lists
    them.
    """
    if text is None:
        raise click.UsageError("Name the TEXT to search for.")
    if (webhook is None) != (webhook_secret is None):
        raise click.UsageError("A webhook needs --webhook and --webhook-secret, a file with the secret that signs the matches.")
    from pydantic import TypeAdapter

    from mm.embedded.connect import connect
    from mm.schemas import Band, Filters, SearchWebhook

    receiver = None
    if webhook is not None and webhook_secret is not None:
        receiver = SearchWebhook(url=webhook, secret=webhook_secret.read_text().strip())
    with connect(url) as client:
        saved = client.searches.save(
            name,
            text,
            without=without,
            filters=Filters.model_validate(filters),
            band=TypeAdapter[Band](Band).validate_python(band),
            webhook=receiver,
        )
    click.echo(saved.model_dump_json(indent=2) if as_json else saved.id)


@command.command()
@SEARCH
@click.option("--unread", is_flag=True, help="Only matches that are not marked as read.")
@options.service
def show(search: str, unread: bool, url: str | None, as_json: bool) -> None:
    """List the items that matched SEARCH, latest first."""
    from mm.cli.searches import find_search, print_matches
    from mm.embedded.connect import connect

    with connect(url) as client:
        found = find_search(client, search)
        matches = [match for match in _iterate_matches(client, found.id) if not (unread and match.read)]
    if as_json:
        for match in matches:
            click.echo(match.model_dump_json())
    else:
        print_matches(found, matches)


@command.command()
@SEARCH
@click.option("--until", type=int, metavar="MATCH", help="Only matches up to this one, by the numbers of `mm searches show`.")
@URL
def read(search: str, until: int | None, url: str | None) -> None:
    """Mark the matches of SEARCH as read."""
    from mm.cli.searches import find_search
    from mm.embedded.connect import connect

    with connect(url) as client:
        found = find_search(client, search)
        after = client.searches.mark_read(found.id, until=until)
    click.echo(f"{after.unread:,} of {after.matches:,} matches are unread.")


@command.command()
@SEARCH
@URL
def enable(search: str, url: str | None) -> None:
    """Match items that follow with SEARCH again."""
    _edit(search, url, enabled=True)


@command.command()
@SEARCH
@URL
def disable(search: str, url: str | None) -> None:
    """Match no more items with SEARCH until it is enabled. Its matches stay."""
    _edit(search, url, enabled=False)


@command.command()
@SEARCH
@URL
def rm(search: str, url: str | None) -> None:
    """Delete SEARCH and its matches. The items stay in the library."""
    from mm.cli.searches import find_search
    from mm.embedded.connect import connect
    from mm.embedded.terminal import clean

    with connect(url) as client:
        found = find_search(client, search)
        client.searches.delete(found.id)
    click.echo(f"{clean(found.name)} deleted; the items stay in the library.")


def _list(url: str | None, *, as_json: bool) -> None:
    from mm.cli.searches import print_searches
    from mm.embedded.connect import connect

    with connect(url) as client:
        searches = client.searches.list()
    if as_json:
        for search in searches:
            click.echo(search.model_dump_json())
    else:
        print_searches(searches)


def _edit(search: str, url: str | None, *, enabled: bool) -> None:
    from mm.cli.searches import find_search, print_searches
    from mm.embedded.connect import connect

    with connect(url) as client:
        print_searches([client.searches.edit(find_search(client, search).id, enabled=enabled)])


def _iterate_matches(client: Client, search_id: str) -> Iterator[SavedMatch]:
    """All matches of a search, page by page."""
    offset, total = 0, 1
    while offset < total:
        page = client.searches.matches(search_id, offset=offset, limit=PAGE_SIZE)
        yield from page.matches
        offset, total = offset + PAGE_SIZE, page.total
