"""`mm retry`: process items again that failed, are quarantined or were cancelled."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("items", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Every item that failed or is quarantined, as well.")
@click.option("--wait/--no-wait", default=True, help="Return when the work on them is over; or at once.")
@options.service
@click.pass_context
def command(ctx: click.Context, items: tuple[str, ...], every: bool, wait: bool, url: str | None, as_json: bool) -> None:
    """Process the items ID again; their bytes are in the library and are not sent again.

    An item that cannot be retried or fails again is printed with the reason, and the exit code is
    1. With --json, each item is one line.
    """
    if not items and not every:
        raise click.UsageError("Name the items to retry, or use --all.")
    from mm.cli.batch_retry import BatchRetry, stopped_items
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        retry = BatchRetry(client, progress, as_json=as_json)
        retry.begin(dict.fromkeys([*items, *(stopped_items(client) if every else [])]))
        retry.finish(wait=wait)
    if retry.failed:
        ctx.exit(1)
