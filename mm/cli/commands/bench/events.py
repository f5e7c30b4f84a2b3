"""`mm bench events`: hits of events in a still camera."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--videos", type=click.IntRange(1), default=6, show_default=True, help="Rendered videos.")
@click.option("--seconds", type=click.FloatRange(60, 1800), default=120.0, show_default=True, help="Length of each.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own videos: a CSV file beside them with the columns file, start, end (seconds) and text.",
)
@options.as_json
def command(videos: int, seconds: float, seed: int, table: Path | None, as_json: bool) -> None:
    """Measure whether the first hit for an event in a still camera is the event.

    Renders videos with noise, changes of the light and objects that enter and leave, adds them to
    a service with an empty home folder, with and without cuts at events, and searches each video
    for each event.
    """
    from mm.bench.search.events import measure

    print_report(measure(videos, seconds, seed, table), as_json)
