"""`mm space`: the space of the library, and the way to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.client import Client
    from mm.schemas import Move

WAIT = click.option("--wait/--no-wait", default=True, help="Return when the move is over or stops; or at once.")


@click.group()
def command() -> None:
    """The space of the library, and the way to another one.

    A move encodes every item anew beside the uploads, and goes on whenever the service runs.
    Questions are answered from the old space until everything is in the new one.
    """


@command.command()
@options.service
def show(url: str | None, as_json: bool) -> None:
    """Where the library is, what it has in which space, and how far it is on its way."""
    from mm.cli.render import print_rows
    from mm.embedded.connect import connect, print_status
    from mm.embedded.terminal import clean

    with connect(url) as client:
        space = client.space()
    if as_json:
        click.echo(space.model_dump_json())
        return
    print_rows(("space", "items", ""), [(held.id, f"{held.items:,}", held.role) for held in space.spaces])
    if space.move is not None:
        print_status(clean(_told(space.move)))
    for note in space.notes:
        print_status(f"note: {clean(note)}")


@command.command()
@click.argument("to", metavar="SPACE")
@WAIT
@options.service
@click.pass_context
def move(ctx: click.Context, to: str, wait: bool, url: str | None, as_json: bool) -> None:
    """Move the library to SPACE: lite, or openclip:MODEL/PRETRAINED."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.move_space(to), wait=wait, as_json=as_json)


@command.command()
@options.service
@click.pass_context
def stop(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """Let a move rest: within seconds nothing of it is worked on any more. What is done stays
    done."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.stop_move(), wait=False, as_json=as_json)


@command.command()
@click.option("--leave-out", is_flag=True, help="Without the items that could not be encoded; they are not found any more.")
@WAIT
@options.service
@click.pass_context
def resume(ctx: click.Context, leave_out: bool, wait: bool, url: str | None, as_json: bool) -> None:
    """Let a stopped move go on, with another try for what could not be encoded."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.resume_move(leave_out=leave_out), wait=wait, as_json=as_json)


@command.command()
@WAIT
@options.service
@click.pass_context
def undo(ctx: click.Context, wait: bool, url: str | None, as_json: bool) -> None:
    """End a move that is not over; after one that is done, go back. What was encoded is kept until
    it is dropped."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        _report(ctx, client, client.undo_move(), wait=wait, as_json=as_json)


@command.command()
@click.argument("space_id", metavar="ID")
@options.service
def drop(space_id: str, url: str | None, as_json: bool) -> None:
    """Delete what the library has in the space ID, as in lite@1, in which it is not. A move to it
    begins from nothing then."""
    from mm.embedded.connect import connect, print_status

    with connect(url) as client:
        client.drop_space(space_id)
    if not as_json:
        print_status(f"{space_id} is dropped; its files go with the next sweep.")


def _report(ctx: click.Context, client: Client, begun: Move, *, wait: bool, as_json: bool) -> None:
    """Print what became of a move; the exit code is 1 if it stopped by itself."""
    from mm.cli.progress import open_progress
    from mm.embedded.terminal import clean

    ended = begun
    if wait and begun.state == "running":
        with open_progress() as progress, progress.task(f"to {clean(begun.target)}") as report:
            ended = client.wait_for_move(on_progress=report)
    click.echo(ended.model_dump_json() if as_json else clean(_told(ended)))
    if ended.error is not None:
        ctx.exit(1)


def _told(move: Move) -> str:
    far = f"{move.moved:,} of {move.items:,} items" + (f", {move.failed:,} failed" if move.failed else "")
    line = f"from {move.source} to {move.target}: {move.state}, {far}"
    return line if move.error is None else f"{line}. {move.error} `mm space resume` tries again; --leave-out goes on without."
