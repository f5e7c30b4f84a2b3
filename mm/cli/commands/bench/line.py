"""`mm bench line`: delays of a line of parts."""

from __future__ import annotations

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--parts", type=click.IntRange(2), default=20, show_default=True, help="Parts on the conveyor, one every 2 s.")
@click.option("--size", type=options.SIZE, default="1280x720", show_default=True, help="Width and height of the video.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of the inspector; 0 uses all cores.")
@click.option("--seed", type=int, default=0, show_default=True)
@options.as_json
def command(parts: int, size: tuple[int, int], threads: int, seed: int, as_json: bool) -> None:
    """Time the verdicts of a line of parts in real time, with and without dropping frames.

    Renders a conveyor as a video, fits an inspector on good parts and replays the video at 30
    frames per second. The delay is from the arrival of the last frame that shows a part to its
    verdict on the disk.
    """
    from mm.bench.line.latency import measure

    print_report(measure(size, parts, threads, seed), as_json)
