"""`mm eval`: the numbers of the cards, from the shipped files, on a CPU.

One command a card. Each calls the module beside the recipe that made the weights, `mm/training/*_evaluate.py`, for its `Report`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.evaluation.report import Report


@click.group()
def command() -> None:
    """Reproduce the numbers of the cards from the shipped files, on a CPU."""


root = click.option("--root", type=options.FOLDER, required=True, help="Folder of the data set, as its CARD.md lays it out.")
split = click.option(
    "--split", default="dev", show_default=True, help="Part of it; test is looked at when asked for, and only then."
)


@command.command()
@root
@split
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--runtime", default="onnxruntime", show_default=True, help="What the tower runs in; see MM_RUNTIME.")
@options.as_json
def flickr8k(root: Path, split: str, weights: Path | None, runtime: str, as_json: bool) -> None:
    """Pictures by their captions and captions by their pictures; any folder with captions.jsonl and images/."""
    from mm.spaces.registry import WEIGHTS
    from mm.training.align_evaluate import report

    with tempfile.TemporaryDirectory() as cache:
        found = report(weights or WEIGHTS / "lite" / "image.safetensors", root, Path(cache), split, runtime)
    tell(found, as_json)


def tell(report: Report, as_json: bool) -> None:
    """Print a report."""
    click.echo(json.dumps(report.record()) if as_json else report.table())
