"""`mm edit`: change name, tags or favourite of items."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("items", nargs=-1, required=True, metavar="ID...")
@click.option("--name", metavar="NAME", help="New name; of one item.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add this tag; repeatable.")
@click.option("--untag", "removed_tags", multiple=True, metavar="TAG", help="Remove this tag; repeatable.")
@click.option("--favourite/--no-favourite", default=None, help="Make the items favourites, or no favourites any more.")
@options.service
@click.pass_context
def command(
    ctx: click.Context,
    items: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
    removed_tags: tuple[str, ...],
    favourite: bool | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Change the items ID. Searches find the new name, and no longer the old one.

    An id without an item is printed, and the exit code is 1.
    """
    if name is None and not tags and not removed_tags and favourite is None:
        raise click.UsageError("Use --name, --tag, --untag or --favourite.")
    if name is not None and len(items) > 1:
        raise click.UsageError("--name is for one item.")
    from mm.cli.curation import print_bulk
    from mm.cli.render import print_item
    from mm.embedded.connect import connect

    with connect(url) as client:
        if name is not None:
            item = client.edit(items[0], name=name, add_tags=tags, remove_tags=removed_tags, favourite=favourite)
            if as_json:
                click.echo(item.model_dump_json(indent=2))
            else:
                print_item(item)
            return
        response = client.change_items(items, add_tags=tags, remove_tags=removed_tags, favourite=favourite)
    if print_bulk(response, "changed", as_json=as_json):
        ctx.exit(1)
