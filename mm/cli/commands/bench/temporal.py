"""`mm bench temporal`: one pass of the temporal network."""

from __future__ import annotations

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Length of the video, in minutes."
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True, help="Frames per second.")
@options.as_json
def command(minutes: float, fps: float, as_json: bool) -> None:
    """Measure time and memory of one pass of the temporal network over a whole video."""
    from mm.bench.towers.temporal import measure
    from mm.spaces.registry import WEIGHTS

    print_report(measure(WEIGHTS / "lite" / "temporal.safetensors", minutes, fps), as_json)
