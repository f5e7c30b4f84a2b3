"""`mm bench watch`: delay of a live stream."""

from __future__ import annotations

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--chunks", type=click.IntRange(1), default=3, show_default=True, help="Chunks to record, in real time.")
@click.option("--chunk", type=click.FloatRange(5, 600), default=60.0, show_default=True, help="Seconds of a chunk.")
@click.option("--size", type=options.SIZE, default="1280x720", show_default=True, help="Width and height of the video.")
@options.as_json
def command(chunks: int, chunk: float, size: tuple[int, int], as_json: bool) -> None:
    """Record a simulated camera, and time when its chunks can be searched.

    Plays photos and clips at 15 frames per second over RTSP to `mm watch`, with a service of an
    empty home folder. The delay is from the end of a chunk until a search finds it.
    """
    from mm.bench.watch.delay import measure

    print_report(measure(size, chunk, chunks), as_json)
