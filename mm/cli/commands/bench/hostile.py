"""`mm bench hostile`: damaged and handmade hostile files."""

from __future__ import annotations

import click

from mm.cli.commands.bench.common import exit_with


@click.command()
@click.option("--files", default=5000, show_default=True, metavar="N", help="Number of damaged files.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Seed of the damage.")
def command(files: int, seed: int) -> None:
    """Read damaged and handmade hostile files, and count the outcomes."""
    from mm.bench.decoding import hostile_sizes
    from mm.bench.decoding.hostile import read_hostile_files
    from mm.media.types import Limits

    for line in hostile_sizes.run(Limits()):
        click.echo(line)
    report = read_hostile_files(files, seed)
    exit_with(report, passed=report.is_harmless)
