"""`mm data simulate`: data sets whose files are rendered, in the format of a real set."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import print_progress


@click.group()
def command() -> None:
    """Build a simulated data set in the files of a real one."""


@command.command("activitynet")
@click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for the set; a build that was stopped continues.")
@click.option("--videos", type=click.IntRange(1), default=30, show_default=True, help="Number of videos, missing ones included.")
@click.option(
    "--minutes", type=click.FloatRange(0.05, 30.0), default=30.0, show_default=True, help="Duration of the longest video."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed; the same one gives the same files.")
@click.option(
    "--sources",
    multiple=True,
    type=options.FOLDER,
    help="Folder of clips (manifest.jsonl) or photos (captions.jsonl) to show; repeatable. Default: generated shapes.",
)
@click.option("--side", type=click.IntRange(32), default=224, show_default=True, help="Width and height in pixels; even.")
@options.as_json
def activitynet(out: Path, videos: int, minutes: float, seed: int, sources: tuple[Path, ...], side: int, as_json: bool) -> None:
    """Build a simulated ActivityNet: its JSON files, and rendered videos, some missing on purpose.

    Numbers on it test the software; they are no numbers of ActivityNet, and each is marked so.
    """
    from mm.data.activitynet.simulation.build import SimulationRequest, build_simulated_set
    from mm.media import MediaReader
    from mm.settings import load_settings

    request = SimulationRequest(videos, minutes, seed, tuple(str(folder.resolve()) for folder in sources), side)
    with MediaReader.from_settings(load_settings()) as reader:
        built = build_simulated_set(request, out, reader, print_progress)
    missing = sum(video.is_missing for video in built)
    hours = sum(video.duration for video in built) / 3600
    if as_json:
        click.echo(json.dumps({"folder": str(out), "videos": len(built), "missing": missing, "hours": hours, "simulated": True}))
    else:
        click.echo(f"Simulated set: {out}, {len(built)} videos, {hours:.2f} hours, {missing} missing on purpose.")
