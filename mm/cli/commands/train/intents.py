"""`mm train intents`: fit the classifier of messages in a conversation."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the weights.")
@options.as_json
def command(out: Path, as_json: bool) -> None:
    """Fit the classifier on the examples of `intents.toml`. Takes a few seconds."""
    from mm.answers.conversation.intents import save
    from mm.models.text.tower import TextTower

    with tempfile.TemporaryDirectory() as folder:
        save(TextTower(Path(folder)).embed, out)
    click.echo(json.dumps({"weights": str(out)}) if as_json else f"Weights: {out}")
