"""`mm bench`: what prints the numbers of the docs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from mm.cli import options


@click.group()
def command() -> None:
    """Print the numbers of the docs, measured on this machine."""


@command.command()
@click.option("--video", type=options.FILE, required=True, help="A video that is not in the library yet.")
@click.option("--timeline", type=options.FILE, required=True, help="Its scenes: start, end, captions, text; JSON.")
@options.service
def moments(video: Path, timeline: Path, url: str | None, as_json: bool) -> None:
    """Take in a long video, and see whether search finds its scenes."""
    from mm.bench.moments import read_timeline, run
    from mm.cli.service import connect

    scenes = read_timeline(timeline)
    with connect(url) as client:
        report = run(client, video, scenes)
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))
