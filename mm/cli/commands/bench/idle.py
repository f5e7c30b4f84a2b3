"""`mm bench idle`: an idle service."""

from __future__ import annotations

from typing import Literal

import click

from mm.cli import options
from mm.cli.commands.bench.common import catalog, print_report


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(1), default=60.0, show_default=True, metavar="S", help="Length of the measurement."
)
@click.option("--items", type=click.IntRange(0), default=10, show_default=True, metavar="N", help="Images to add afterwards.")
@catalog
@options.as_json
def command(seconds: float, items: int, catalog: Literal["sqlite", "postgresql"], as_json: bool) -> None:
    """Measure each process of an idle service, and the delay until a new item is found."""
    from mm.bench.idle.service import measure

    print_report(measure(seconds, items, catalog), as_json)
