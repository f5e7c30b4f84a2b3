"""`mm bench ingest`: ingest of a video."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--minutes", type=click.FloatRange(0.05), default=30.0, show_default=True, help="Length of the video, in minutes.")
@click.option("--size", type=options.SIZE, default="1280x720", show_default=True, help="Width and height of the video.")
@click.option("--speech/--no-speech", default=True, show_default=True, help="Whether to time ingest with speech, too.")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Rounds of all methods.")
@click.option("--video", type=options.FILE, help="An existing video instead of a generated one.")
@click.option("--memory", is_flag=True, help="Measure the peak memory of 5 and of 120 minutes of video instead.")
@options.as_json
def command(
    minutes: float, size: tuple[int, int], speech: bool, repeats: int, video: Path | None, memory: bool, as_json: bool
) -> None:
    """Time the ingest of a video, compared with decoding alone and a naive method.

    Starts a service on an empty folder.
    """
    from mm.bench.ingest.service import measure

    print_report(measure(minutes, size, speech=speech, repeats=repeats, video=video, memory=memory), as_json)
