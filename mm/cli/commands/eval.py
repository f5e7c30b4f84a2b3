"""`mm eval`: the numbers of the cards, from the shipped files, on a CPU.

One command a card. Each calls the module beside the recipe that made the weights,
`mm/training/*_evaluate.py`, for its `Report`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.evaluation.languages import Tables
    from mm.media import MediaReader
    from mm.metrics.report import Report
    from mm.spaces import Space


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
    """Pictures by their captions and captions by their pictures; any folder with captions.jsonl and
    images/."""
    from mm.evaluation.captions import evaluate
    from mm.spaces.registry import WEIGHTS

    with tempfile.TemporaryDirectory() as cache:
        found = evaluate(weights or WEIGHTS / "lite" / "image.safetensors", root, Path(cache), split, runtime)
    print_report(found, as_json)


@command.command()
@root
@split
@click.option("--weights", type=options.FILE, help="Weights of the image tower; default the shipped ones.")
@click.option("--runtime", default="onnxruntime", show_default=True, help="What the tower runs in; see MM_RUNTIME.")
@click.option("--alike", type=click.FloatRange(-1, 1), help="Cosine from which on pictures are; default the calibration's.")
@options.as_json
def duplicates(root: Path, split: str, weights: Path | None, runtime: str, alike: float | None, as_json: bool) -> None:
    """Pictures and their copies at another size, quality or crop: which are folded, and which
    others by mistake."""
    from mm.evaluation.near_duplicates import evaluate
    from mm.spaces.calibration import read_calibration
    from mm.spaces.registry import WEIGHTS

    lite = WEIGHTS / "lite"
    least = read_calibration(lite / "calibration.json").near_duplicate_cosine if alike is None else alike
    if least is None:
        raise click.UsageError("The calibration knows no cosine from which on pictures are alike; name one by --alike.")
    with tempfile.TemporaryDirectory() as cache:
        found = evaluate(weights or lite / "image.safetensors", root, Path(cache), least, split, runtime)
    print_report(found, as_json)


@command.command()
@root
@split
@options.as_json
def without(root: Path, split: str, as_json: bool) -> None:
    """Questions without something, by the captions of what they find; a folder as for flickr8k."""
    from mm.evaluation.negation import evaluate
    from mm.settings import load_settings
    from mm.spaces import load_space

    settings = load_settings()
    print_report(evaluate(load_space("lite", settings, keep_speech=False, gpu=False), root, split), as_json)


@command.command()
@root
@split
@click.option("--texts", type=options.FOLDER, default="datasets", show_default=True, help="Folder of unanswerable/, depictable/.")
@options.as_json
def bands(root: Path, split: str, texts: Path, as_json: bool) -> None:
    """What is likely and possible: one to three words with answers, questions without any; a folder
    as for flickr8k."""
    from mm.evaluation.bands import evaluate

    with _shipped() as (space, _):
        found = evaluate(space, root, texts, split)
    print_report(found, as_json)


@command.command()
@click.option("--root", type=options.FOLDER, required=True, help="Folder of Multi30k: task1_train.jsonl, task1_val.jsonl.")
@click.option("--tuxpaint", type=options.FOLDER, help="Folder of Tux Paint, whose dev is asked for in 28 languages.")
@click.option("--pictures", type=options.FOLDER, help="Flickr8k: those pictures of dev that Multi30k describes are asked for.")
@click.option("--weights", type=options.FILE, help="Weights of the tower of other languages; default the shipped ones.")
@options.as_json
def languages(root: Path, tuxpaint: Path | None, pictures: Path | None, weights: Path | None, as_json: bool) -> None:
    """Questions in other languages by their English, and pictures by questions in German, French
    and Czech."""
    from mm.evaluation.languages import Sources, evaluate
    from mm.spaces.registry import WEIGHTS

    with tempfile.TemporaryDirectory() as cache:
        found = evaluate(weights or WEIGHTS / "lite" / "languages.safetensors", Sources(root, tuxpaint, pictures), Path(cache))
    print_report(found, as_json)


@command.command()
@root
@split
@click.option("--space", help="A larger space instead, openclip:MODEL/PRETRAINED+sound.")
@options.as_json
def esc10(root: Path, split: str, space: str | None, as_json: bool) -> None:
    """Sounds by the names of their classes, beside YAMNet's own classes; a folder with
    manifest.jsonl and audio/."""
    from mm.evaluation.esc10 import evaluate

    with _shipped(space) as (of, reader):
        found = evaluate(of, reader, root, split)
    print_report(found, as_json)


@command.command()
@root
@split
@click.option("--space", help="A larger space instead, openclip:MODEL/PRETRAINED+sound.")
@options.as_json
def tuxpaint(root: Path, split: str, space: str | None, as_json: bool) -> None:
    """Pictures by their sounds, sounds by their pictures, speech apart from sound; a folder with
    manifest.jsonl and files/."""
    from mm.evaluation.tuxpaint import evaluate

    with _shipped(space) as (of, reader):
        found = evaluate(of, reader, root, split)
    print_report(found, as_json)


@command.command()
@root
@split
@click.option("--films", type=options.FOLDER, multiple=True, help="Clips that stand between the pictures: manifest.jsonl.")
@click.option("--weights", type=options.FILE, help="Weights of the temporal network; default the shipped ones.")
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="Films that are made.")
@click.option("--photographs", type=click.IntRange(1), default=400, show_default=True, help="Pictures that they are made of.")
@click.option("--seconds", type=click.FloatRange(10), default=200.0, show_default=True, help="Of a film.")
@click.option("--in-turn", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Share of scenes of two pictures.")
@options.as_json
def moments(
    root: Path, split: str, films: tuple[Path, ...], weights: Path | None, count: int, photographs: int, seconds: float,
    in_turn: float, as_json: bool,
) -> None:  # fmt: skip
    """Moments of films made of pictures and clips, by captions: cut by the temporal network and by
    its rivals."""
    from mm.data.footage import read_footage
    from mm.evaluation.moments import evaluate
    from mm.models.temporal.tower import TemporalTower
    from mm.spaces.registry import WEIGHTS

    with _shipped() as (space, reader):
        tower = TemporalTower(weights or WEIGHTS / "lite" / "temporal.safetensors")
        footage = read_footage(root, films, split, photographs, reader, lambda _: None)
        found = evaluate(space, tower, reader, footage, count, seconds, in_turn, lambda line: click.echo(line, err=True))
    print_report(found, as_json)


@command.command()
@root
@split
@options.as_json
def fight_clips(root: Path, split: str, as_json: bool) -> None:
    """Fights among clips: motion alone, names alone, and heads that learn; a folder with
    manifest.jsonl."""
    from mm.training.actions.evaluate import evaluate

    with _shipped() as (space, reader):
        found = evaluate(space, reader, root, split, lambda line: click.echo(line, err=True))
    print_report(found, as_json)


@contextmanager
def _shipped(larger: str | None = None) -> Iterator[tuple[Space, MediaReader]]:
    """The space `lite` as it ships, its graphs in a folder that goes with it, or a larger one; and
    a reader."""
    from mm.media import MediaReader
    from mm.settings import Settings, load_settings
    from mm.spaces import load_space

    if larger is not None:
        with MediaReader() as reader:
            yield load_space(larger, load_settings()), reader
        return
    with tempfile.TemporaryDirectory() as home, MediaReader() as reader:
        yield load_space("lite", Settings(home=Path(home), runtime="onnxruntime")), reader


def print_report(report: Report | Tables, as_json: bool) -> None:
    """Print a report."""
    click.echo(json.dumps(report.record()) if as_json else report.table())
