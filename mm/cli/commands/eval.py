"""`mm eval`: data sets by their readers, and the numbers of the cards from the shipped files.

Data sets of `datasets/` have the command of `mm.cli.evaluation.set_command`. The others call
`evaluate` of a module of `mm.evaluation` or `mm.training.actions`, and print its `Report`.
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
from mm.cli.commands import (
    eval_alarms,
    eval_answers,
    eval_everyday,
    eval_inspection,
    eval_language,
    eval_lesions,
    eval_reading,
    eval_runs,
    eval_speech,
)
from mm.cli.commands.eval_language import split
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports

if TYPE_CHECKING:
    from mm.evaluation.languages import Tables
    from mm.media import MediaReader
    from mm.metrics.report import Report
    from mm.spaces import Space


OF_SETS = ("--task", "--check", "--url", "--record", "--option")
"""Options that only the command of a data set has."""


class EvalGroup(click.Group):
    """Commands of this module, and one for each data set of `datasets/`.

    Where both have a name, an option of `OF_SETS` selects that of the data set.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        from mm.data.sets.catalog import list_sets

        return sorted({*super().list_commands(ctx), *(described.name for described in list_sets())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._make_set_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # as of the base class
        if any(arg.partition("=")[0] in OF_SETS for arg in args[1:]) and (found := self._make_set_command(args[0])):
            return args[0], found, args[1:]
        return super().resolve_command(ctx, args)

    @staticmethod
    def _make_set_command(cmd_name: str) -> click.Command | None:
        from mm.cli.evaluation.set_command import make_check_command, make_set_command
        from mm.data.sets.catalog import list_sets

        described = next((described for described in list_sets(with_tasks=False) if described.name == cmd_name), None)
        if described is None:
            return None
        return make_set_command(described) if described.tasks else make_check_command(described)


@click.group(cls=EvalGroup)
def command() -> None:
    """Evaluate data sets, and reproduce the numbers of the cards from the shipped files."""


command.add_command(eval_runs.runs)
command.add_command(eval_runs.show)
command.add_command(eval_runs.compare)
command.add_command(eval_runs.report)
command.add_command(eval_runs.record)
command.add_command(eval_runs.remove)
command.add_command(eval_language.captions)
command.add_command(eval_language.caption_confidence)
command.add_command(eval_language.caption_search)
command.add_command(eval_answers.answers)
command.add_command(eval_answers.conversations)
command.add_command(eval_answers.words)
command.add_command(eval_everyday.everyday)
command.add_command(eval_speech.speech)
command.add_command(eval_language.routing)
command.add_command(eval_language.expert_preference)
command.add_command(eval_reading.reading)
command.add_command(eval_inspection.mvtec_transistor)
command.add_command(eval_inspection.magnetic_tile)
command.add_command(eval_inspection.aitex_fabric)
command.add_command(eval_alarms.false_alarms)
command.add_command(eval_inspection.deep_pcb)
command.add_command(eval_lesions.breast_ultrasound)
command.add_command(eval_lesions.bus_bra)
command.add_command(eval_lesions.cvc_clinicdb)


root = click.option("--root", type=options.FOLDER, required=True, help="Folder of the data set, laid out as in its CARD.md.")
image_weights = click.option("--weights", type=options.FILE, help="Weights of the image tower; default: the shipped ones.")
runtime = click.option("--runtime", default="onnxruntime", show_default=True, help="Runtime of the tower; see MM_RUNTIME.")
larger_space = click.option("--space", help="Evaluate a larger space instead, openclip:MODEL/PRETRAINED+sound.")


@command.command()
@root
@split
@image_weights
@runtime
@click.option(
    "--alike",
    "threshold",
    type=click.FloatRange(-1, 1),
    help="Cosine from which images are near-duplicates; default: calibrated.",
)
@options.as_json
def duplicates(root: Path, split: str, weights: Path | None, runtime: str, threshold: float | None, as_json: bool) -> None:
    """Detect resized, recompressed and cropped copies of images as near-duplicates."""
    from mm.evaluation.near_duplicates import evaluate
    from mm.spaces.calibration import read_calibration
    from mm.spaces.registry import WEIGHTS

    lite = WEIGHTS / "lite"
    if threshold is None:
        threshold = read_calibration(lite / "calibration.json").near_duplicate_cosine
    if threshold is None:
        raise click.UsageError("The calibration has no cosine threshold of near-duplicates; set one with `--alike`.")
    with tempfile.TemporaryDirectory() as cache:
        report = evaluate(weights or lite / "image.safetensors", root, Path(cache), threshold, split, runtime)
    print_report(report, as_json)


@command.command()
@root
@split
@options.as_json
def without(root: Path, split: str, as_json: bool) -> None:
    """Evaluate queries with --without by the captions of their hits; root as for flickr8k."""
    from mm.evaluation.negation import evaluate
    from mm.settings import load_settings
    from mm.spaces import load_space

    settings = load_settings()
    print_report(evaluate(load_space("lite", settings, keep_speech=False, gpu=False), root, split), as_json)


@command.command()
@root
@split
@click.option(
    "--texts", type=options.FOLDER, default="datasets", show_default=True, help="Folder with `unanswerable/` and `depictable/`."
)
@options.as_json
def bands(root: Path, split: str, texts: Path, as_json: bool) -> None:
    """Evaluate the bands likely and possible, by queries with and without matches."""
    from mm.evaluation.bands import evaluate

    with shipped_space() as (space, _):
        report = evaluate(space, root, texts, split)
    print_report(report, as_json)


@command.command()
@click.option("--root", type=options.FOLDER, required=True, help="Folder of Multi30k: task1_train.jsonl, task1_val.jsonl.")
@click.option("--tuxpaint", type=options.FOLDER, help="Folder of Tux Paint; its dev split is queried in 28 languages.")
@click.option(
    "--pictures", "images", type=options.FOLDER, help="Folder of Flickr8k; its dev images that Multi30k describes are queried."
)
@click.option("--weights", type=options.FILE, help="Weights of the multilingual text tower; default: the shipped ones.")
@click.option(
    "--quality",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the recall of each language: languages.json of a space.",
)
@options.as_json
def languages(
    root: Path, tuxpaint: Path | None, images: Path | None, weights: Path | None, quality: Path | None, as_json: bool
) -> None:
    """Evaluate queries in other languages: matched to English, and by the images found."""
    from mm.evaluation.languages import Sources, evaluate, measure_quality
    from mm.files import write_atomic
    from mm.spaces.registry import WEIGHTS

    if quality is not None and tuxpaint is None:
        raise click.UsageError("--quality needs --tuxpaint, whose descriptions are measured.")
    used = weights or WEIGHTS / "lite" / "languages.safetensors"
    with tempfile.TemporaryDirectory() as cache:
        if quality is not None and tuxpaint is not None:
            write_atomic(quality, measure_quality(used, tuxpaint, Path(cache)).to_json().encode())
        report = evaluate(used, Sources(root, tuxpaint, images), Path(cache))
    print_report(report, as_json)


@command.command()
@root
@split
@larger_space
@keeps_runs
@options.as_json
def esc10(root: Path, split: str, space: str | None, as_json: bool) -> None:
    """Classify sounds by class name, compared with YAMNet itself; root: manifest.jsonl, audio/."""
    from mm.evaluation.esc10 import evaluate

    with shipped_space(space) as (loaded, reader):
        report = evaluate(loaded, reader, root, split)
    print_reports(report, as_json, set_name="esc10", task="beside-yamnet", root=root, split=split, weights=_weights(space))


@command.command()
@root
@split
@larger_space
@keeps_runs
@options.as_json
def tuxpaint(root: Path, split: str, space: str | None, as_json: bool) -> None:
    """Retrieve images by sound, sounds by image, and speech; root: manifest.jsonl, files/."""
    from mm.evaluation.tuxpaint import evaluate

    with shipped_space(space) as (loaded, reader):
        report = evaluate(loaded, reader, root, split)
    print_reports(report, as_json, set_name="tuxpaint", task="sounds-and-images", root=root, split=split, weights=_weights(space))


@command.command()
@root
@split
@click.option("--films", "clips", type=options.FOLDER, multiple=True, help="Clips to splice between the images: manifest.jsonl.")
@click.option("--weights", type=options.FILE, help="Weights of the temporal network; default: the shipped ones.")
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="Number of spliced videos.")
@click.option("--photographs", "images", type=click.IntRange(1), default=400, show_default=True, help="Number of images in them.")
@click.option("--seconds", type=click.FloatRange(10), default=200.0, show_default=True, help="Length of a video, in seconds.")
@click.option(
    "--in-turn", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Share of image scenes that show two images."
)
@click.option("--event-cuts/--no-event-cuts", default=True, help="Whether segments are cut at events of a still camera, too.")
@keeps_runs
@options.as_json
def moments(
    root: Path, split: str, clips: tuple[Path, ...], weights: Path | None, count: int, images: int, seconds: float,
    in_turn: float, event_cuts: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find scenes of spliced videos by caption: temporal network and baseline scene cuts."""
    from mm.data.footage import read_footage
    from mm.evaluation.moments import evaluate
    from mm.models.temporal.tower import TemporalTower
    from mm.spaces.registry import WEIGHTS

    with shipped_space() as (space, reader):
        tower = TemporalTower(weights or WEIGHTS / "lite" / "temporal.safetensors")
        footage = read_footage(root, clips, split, images, reader, lambda _: None)
        report = evaluate(space, tower, reader, footage, count, seconds, in_turn, print_progress, event_cuts=event_cuts)
    files = [*_weights(None), *([weights] if weights else [])]
    print_reports(report, as_json, set_name="moments", task="moments", root=root, split=split, weights=files)


@command.command()
@root
@split
@keeps_runs
@options.as_json
def fight_clips(root: Path, split: str, as_json: bool) -> None:
    """Detect fights in clips by motion, action names and trained heads; root: manifest.jsonl."""
    from mm.training.actions.evaluate import evaluate

    with shipped_space() as (space, reader):
        report = evaluate(space, reader, root, split, print_progress)
    print_reports(report, as_json, set_name="fight_clips", task="fights", root=root, split=split, weights=_weights(None))


def _weights(space: str | None) -> tuple[Path, ...]:
    """Files that the vectors of images, sounds and English texts depend on."""
    from mm.evaluation.space_weights import list_evidence_weights

    return list_evidence_weights(space or "lite")


@contextmanager
def shipped_space(larger: str | None = None) -> Iterator[tuple[Space, MediaReader]]:
    """Load the shipped space `lite` with a temporary cache, or a larger space; and a reader."""
    from mm.media import MediaReader
    from mm.settings import Settings, load_settings
    from mm.spaces import load_space

    if larger is not None:
        with MediaReader() as reader:
            yield load_space(larger, load_settings()), reader
        return
    with tempfile.TemporaryDirectory() as home, MediaReader() as reader:
        yield load_space("lite", Settings(home=Path(home), runtime="onnxruntime")), reader


def print_progress(line: str) -> None:
    click.echo(line, err=True)


def print_report(report: Report | Tables, as_json: bool) -> None:
    click.echo(json.dumps(report.record()) if as_json else report.table())
