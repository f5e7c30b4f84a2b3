"""Print the results of changes of items, and the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli.format import describe_item, format_bytes
from mm.cli.render import print_rows
from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from mm.schemas import BulkResponse, TrashPage


def print_bulk(response: BulkResponse, done: str, *, as_json: bool) -> int:
    """Print how many items were changed, and each unknown id. Returns the number of these."""
    missing = [result.id for result in response.results if result.outcome == "not-found"]
    if as_json:
        click.echo(response.model_dump_json(indent=2))
        return len(missing)
    for item_id in missing:
        click.echo(f"There is no such item: {clean(item_id)}", err=True)
    unchanged = len(response.results) - response.changed - len(missing)
    rest = f", {unchanged:,} unchanged" if unchanged else ""
    click.echo(f"{response.changed:,} of {len(response.results):,} {done}{rest}.")
    return len(missing)


def print_trash(page: TrashPage) -> None:
    """Print the items in the trash, and what they occupy."""
    rows = [
        (
            f"{entry.trashed_at.astimezone():%Y-%m-%d %H:%M}",
            "kept" if entry.expires_at is None else f"{entry.expires_at.astimezone():%Y-%m-%d %H:%M}",
            clean(entry.item.name),
            describe_item(entry.item),
            entry.item.id,
        )
        for entry in page.items
    ]
    print_rows(("deleted", "until", "name", "file", "id"), rows)
    kept = f"for {page.days:g} days" if page.days else "until the trash is emptied"
    click.echo(f"{page.total:,} items, {format_bytes(page.size)}, kept {kept} (MM_TRASH_DAYS).", err=True)
