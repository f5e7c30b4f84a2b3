"""`mm bench moments`: recall of the scenes of a long video."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--video", type=options.FILE, required=True, help="A video that is not in the library yet.")
@click.option("--timeline", type=options.FILE, required=True, help="JSON list of its scenes: start, end, captions, text.")
@options.service
def command(video: Path, timeline: Path, url: str | None, as_json: bool) -> None:
    """Ingest a long video, and measure whether search finds its scenes."""
    from mm.bench.search.moments import read_timeline, run
    from mm.embedded.connect import connect

    scenes = read_timeline(timeline)
    with connect(url) as client:
        report = run(client, video, scenes)
    print_report(report, as_json)
