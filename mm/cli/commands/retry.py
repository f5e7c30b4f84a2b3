"""`mm retry`: process failed, quarantined or cancelled items again."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("items", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="Also every failed and every quarantined item.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until the jobs have ended.")
@options.service
@click.pass_context
def command(ctx: click.Context, items: tuple[str, ...], every: bool, wait: bool, url: str | None, as_json: bool) -> None:
    """Process the items ID again, from the files in the library.

    An item that cannot be retried or fails again is printed with the reason, and the exit code is
    1. With --json, one line per item.
    """
    if not items and not every:
        raise click.UsageError("Name the items to retry, or use --all.")
    from mm.cli.batch_retry import BatchRetry, list_stopped_items
    from mm.cli.progress import open_progress
    from mm.embedded.connect import connect

    with connect(url) as client, open_progress() as progress:
        batch = BatchRetry(client, progress, as_json=as_json)
        batch.start(dict.fromkeys([*items, *(list_stopped_items(client) if every else [])]))
        batch.finish(wait=wait)
    if batch.num_failed:
        ctx.exit(1)
