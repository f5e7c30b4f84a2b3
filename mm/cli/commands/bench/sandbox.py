"""`mm bench sandbox`: cost of the sandbox layers."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("files", metavar="[VIDEO]...", nargs=-1, type=options.FILE)
@click.option("--rounds", default=7, show_default=True, metavar="N", help="Rounds in which each method is timed.")
def command(files: tuple[Path, ...], rounds: int) -> None:
    """Time files with all sandbox layers, with limits alone, and without a child process.

    Without VIDEO the bench generates its files.
    """
    from mm.bench.decoding.sandbox import run

    for line in run(files, rounds):
        click.echo(line)
