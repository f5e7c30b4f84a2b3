"""`mm delete`: move items to the trash."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("items", nargs=-1, required=True, metavar="ID...")
@options.service
@click.pass_context
def command(ctx: click.Context, items: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Move the items ID to the trash. Searches no longer find them; `mm restore` restores them.

    They are deleted for good after MM_TRASH_DAYS, or by `mm trash`. An id without an item is
    printed, and the exit code is 1.
    """
    from mm.cli.curation import print_bulk
    from mm.embedded.connect import connect

    with connect(url) as client:
        response = client.change_items(items, action="delete")
    if print_bulk(response, "moved to the trash", as_json=as_json):
        ctx.exit(1)
