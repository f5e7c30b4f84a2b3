"""`mm chat`: a conversation about the library."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item; repeatable.")
@options.service
def command(items: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Ask questions one after another; later ones refer to earlier ones.

    Lines are read from the terminal, or from the standard input. /help lists the commands. With
    --json each answer is one line.
    """
    from mm.cli.conversation import run_conversation
    from mm.embedded.connect import connect

    with connect(url) as client:
        run_conversation(client, list(items), as_json=as_json)
