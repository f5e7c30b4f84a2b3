"""`mm train actions`: train a classifier of actions in clips."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import print_output, print_progress


@click.command()
@click.option("--data", type=options.FOLDER, required=True, help="Labelled clips: manifest.jsonl with file, label, group, split.")
@click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for the head and its card.")
@click.option(
    "--space", default="lite", show_default=True, help="Space whose towers encode the clips, openclip:MODEL/PRETRAINED."
)
@options.as_json
def command(data: Path, out: Path, space: str, as_json: bool) -> None:
    """Train a classifier of actions in clips, for `mm actions --head`.

    Needs no torch. An interrupted run continues.
    """
    from mm.media import MediaReader
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.training.actions.train import train_actions

    settings = load_settings()
    with MediaReader.from_settings(settings) as reader:
        path = train_actions(load_space(space, settings), reader, data, out, print_progress)
    print_output("head", path, as_json)
