"""`mm space`: the space of the library, and reindexing in another space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.client import Client
    from mm.schemas import Move

WAIT = click.option("--wait/--no-wait", default=True, help="Whether to wait until the reindexing has ended.")


@click.group()
def command() -> None:
    """Show the space of the library, or reindex it in another space.

    Reindexing encodes every item again while new uploads are processed, and continues whenever the
    service runs. Searches use the old space until every item is encoded in the new one.
    """


@command.command()
@options.service
def show(url: str | None, as_json: bool) -> None:
    """Show the spaces of the library, their numbers of items, and the progress of a reindexing."""
    from mm.cli.render import print_rows
    from mm.embedded.connect import connect, print_status
    from mm.embedded.terminal import clean

    with connect(url) as client:
        space = client.space()
    if as_json:
        click.echo(space.model_dump_json())
        return
    print_rows(("space", "items", ""), [(entry.id, f"{entry.items:,}", entry.role) for entry in space.spaces])
    if space.move is not None:
        print_status(clean(_describe(space.move)))
    for note in space.notes:
        print_status(f"note: {clean(note)}")


@command.command("options")
@click.option("--measure", metavar="SPACE", help="Measure SPACE, whose files are on the disk, on items of the library first.")
@options.service
def list_options(measure: str | None, url: str | None, as_json: bool) -> None:
    """List larger spaces that the machine of the service could run.

    With their published recall at 1 on Flickr30k and COCO (text to image), what they need, and how
    long the reindexing of this library takes. Nothing is downloaded; one request checks whether the
    hub of models responds.
    """
    from mm.cli.space_options import print_space_options
    from mm.embedded.connect import connect

    with connect(url) as client:
        if measure is not None:
            client.measure_space(measure)
        found = client.space_options(network=True)
    if as_json:
        click.echo(found.model_dump_json())
    else:
        print_space_options(found)


@command.command()
@click.argument("to", metavar="SPACE")
@click.option("--download", is_flag=True, help="Download missing files of a space that `mm space options` lists, first.")
@click.option("--yes", "confirmed", is_flag=True, help="Confirm --download without a prompt.")
@WAIT
@options.service
@click.pass_context
def move(ctx: click.Context, to: str, download: bool, confirmed: bool, wait: bool, url: str | None, as_json: bool) -> None:
    """Reindex the library in SPACE: lite, or openclip:MODEL/PRETRAINED."""
    from mm.cli.space_options import confirm_download
    from mm.embedded.connect import connect

    with connect(url) as client:
        if download and not confirmed:
            confirm_download(client.space_options(), to)
        _report(ctx, client, client.move_space(to, download=download), wait=wait, as_json=as_json)


@command.command()
@options.service
@click.pass_context
def stop(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """Pause a reindexing within seconds; encoded items are kept."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.stop_move(), wait=False, as_json=as_json)


@command.command()
@click.option("--leave-out", is_flag=True, help="Exclude the items that could not be encoded; searches no longer find them.")
@WAIT
@options.service
@click.pass_context
def resume(ctx: click.Context, leave_out: bool, wait: bool, url: str | None, as_json: bool) -> None:
    """Continue a paused reindexing, and retry the items that could not be encoded."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.resume_move(leave_out=leave_out), wait=wait, as_json=as_json)


@command.command()
@WAIT
@options.service
@click.pass_context
def undo(ctx: click.Context, wait: bool, url: str | None, as_json: bool) -> None:
    """Cancel a reindexing; after one that is done, return to the previous space.

    The encoded items are kept until `mm space drop`.
    """
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.undo_move(), wait=wait, as_json=as_json)


@command.command()
@click.argument("space_id", metavar="ID")
@options.service
def drop(space_id: str, url: str | None, as_json: bool) -> None:
    """Delete the vectors of a space that is not in use, by its ID, for example lite@1.

    A later reindexing in this space encodes every item again.
    """
    from mm.embedded.connect import connect, print_status

    with connect(url) as client:
        client.drop_space(space_id)
    if not as_json:
        print_status(f"{space_id} is dropped. Garbage collection deletes its files.")


def _report(ctx: click.Context, client: Client, started: Move, *, wait: bool, as_json: bool) -> None:
    """Print the state of a reindexing; the exit code is 1 if an error stopped it."""
    from mm.cli.progress import open_progress
    from mm.embedded.terminal import clean

    ended = started
    if wait and started.state in ("downloading", "running"):
        with open_progress() as progress, progress.task(f"reindexing in {clean(started.target)}") as report:
            ended = client.wait_for_move(on_progress=report)
    click.echo(ended.model_dump_json() if as_json else clean(_describe(ended)))
    if ended.error is not None:
        ctx.exit(1)


def _describe(move: Move) -> str:
    progress = f"{move.moved:,} of {move.items:,} items" + (f", {move.failed:,} failed" if move.failed else "")
    if move.downloaded_bytes is not None and move.download_bytes is not None:
        progress = f"{move.downloaded_bytes / 1e6:,.0f} of {move.download_bytes / 1e6:,.0f} MB downloaded"
    line = f"from {move.source} to {move.target}: {move.state}, {progress}"
    return (
        line
        if move.error is None
        else f"{line}. {move.error} `mm space resume` retries; with --leave-out it continues without the failed items."
    )
