"""`mm list`: list the items of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.client import Client
    from mm.schemas import Item, ItemSort, ItemStatus

SORTS = ("newest", "oldest", "taken", "taken-oldest", "name", "longest", "largest", "favourite")
STATUSES = ("processing", "ready", "failed", "quarantined", "cancelled")
PAGE_SIZE = 500


@click.command()
@click.option("--sort", type=click.Choice(SORTS), default="newest", show_default=True, help="Order; newest is by upload.")
@options.filters
@click.option("--status", type=click.Choice(STATUSES), help="Only items in this state.")
@click.option("--name", metavar="TEXT", help="Only items whose name contains TEXT.")
@options.album
@click.option("--by-day", is_flag=True, help="Print the number of items of each day instead.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Largest number of items or days.")
@options.service
def command(
    sort: ItemSort,
    filters: dict[str, object],
    status: ItemStatus | None,
    name: str | None,
    album: str | None,
    by_day: bool,
    limit: int,
    url: str | None,
    as_json: bool,
) -> None:
    """List items with the time they were taken and uploaded, camera and place.

    The order "taken" is the latest first; an item whose time is unknown has the time of its upload
    (UTC) instead. With --json one object per line.
    """
    from mm.cli.albums import find_album
    from mm.cli.render import print_days, print_items
    from mm.embedded.connect import connect

    with connect(url) as client:
        filters |= {"status": status, "name": name, "album": find_album(client, album).id if album else None}
        days = client.timeline(**filters)[:limit] if by_day else []  # type: ignore[arg-type]
        items = [] if by_day else list(_iterate_items(client, sort, limit, filters))
    if as_json:
        for entry in (*days, *items):
            click.echo(entry.model_dump_json())
    elif by_day:
        print_days(days)
    else:
        print_items(items)


def _iterate_items(client: Client, sort: ItemSort, limit: int, filters: dict[str, object]) -> Iterator[Item]:
    """The first `limit` items, page by page."""
    for offset in range(0, limit, PAGE_SIZE):
        size = min(limit - offset, PAGE_SIZE)
        items = client.items(sort=sort, offset=offset, limit=size, **filters).items  # type: ignore[arg-type]
        yield from items
        if len(items) < size:
            return
