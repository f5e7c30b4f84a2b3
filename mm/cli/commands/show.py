"""`mm show`: one item with all that is known about it."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("item_id", metavar="ID")
@options.service
def command(item_id: str, url: str | None, as_json: bool) -> None:
    """Show the item ID: file, status, caption, and when, where and with what it was taken."""
    from mm.cli.render import print_item
    from mm.embedded.connect import connect

    with connect(url) as client:
        item = client.item(item_id)
    if as_json:
        click.echo(item.model_dump_json(indent=2))
    else:
        print_item(item)
