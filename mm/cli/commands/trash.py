"""`mm trash`: list the trash, and delete items in it for good."""

from __future__ import annotations

import click

from mm.cli import options


@click.group(invoke_without_command=True)
@options.service
@click.pass_context
def command(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """List the deleted items, and when each is deleted for good."""
    if ctx.invoked_subcommand is not None:
        return
    from mm.cli.curation import print_trash
    from mm.embedded.connect import connect

    with connect(url) as client:
        page = client.trash(limit=500)
    if as_json:
        click.echo(page.model_dump_json(indent=2))
    else:
        print_trash(page)


@command.command()
@click.argument("items", nargs=-1, required=True, metavar="ID...")
@options.service
@click.pass_context
def delete(ctx: click.Context, items: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Delete the items ID in the trash for good."""
    from mm.cli.curation import print_bulk
    from mm.embedded.connect import connect

    with connect(url) as client:
        response = client.change_items(items, action="delete-for-good")
    if print_bulk(response, "deleted for good", as_json=as_json):
        ctx.exit(1)


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--url", metavar="URL", help="Address of a running service; default is the service of MM_HOME.")
def empty(yes: bool, url: str | None) -> None:
    """Delete everything in the trash for good."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        page = client.trash(limit=1)
        if page.total and not yes:
            click.confirm(f"Delete {page.total:,} items for good?", abort=True)
        click.echo(f"{client.empty_trash():,} items deleted for good.")
