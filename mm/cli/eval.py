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


@command.command()
@root
@split
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--runtime", default="onnxruntime", show_default=True, help="What the tower runs in; see MM_RUNTIME.")
@click.option("--alike", type=click.FloatRange(-1, 1), help="Cosine from which on pictures are; default the calibration's.")
@options.as_json
def duplicates(root: Path, split: str, weights: Path | None, runtime: str, alike: float | None, as_json: bool) -> None:
    """Pictures and their copies at another size, quality or crop: which are folded, and which others by mistake."""
    from mm.spaces.calibration import read_calibration
    from mm.spaces.registry import WEIGHTS
    from mm.training.alike_evaluate import report

    lite = WEIGHTS / "lite"
    least = read_calibration(lite / "calibration.json").alike if alike is None else alike
    if least is None:
        raise click.UsageError("The calibration knows no cosine from which on pictures are alike; name one by --alike.")
    with tempfile.TemporaryDirectory() as cache:
        found = report(weights or lite / "image.safetensors", root, Path(cache), least, split, runtime)
    tell(found, as_json)


def tell(report: Report, as_json: bool) -> None:
    """Print a report."""
    click.echo(json.dumps(report.record()) if as_json else report.table())
