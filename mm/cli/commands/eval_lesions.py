"""`mm eval` of lesions: breast_ultrasound, bus_bra, cvc_clinicdb.

Candidates for review, research use, not a diagnosis.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.eval_inspection import find_backbone_weights, print_progress, root
from mm.cli.commands.eval_language import split
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports

if TYPE_CHECKING:
    from mm.inspection.features.backbone import Backbone

NUM_SEEDS = 3

weights = click.option(
    "--weights", type=options.FILE, help="Weights of the lesion network; else MM_LESION_WEIGHTS or the shipped ones."
)


@click.command("breast_ultrasound")
@root
@split
@weights
@keeps_runs
@options.as_json
def breast_ultrasound(root: Path, split: str, weights: Path | None, as_json: bool) -> None:
    """Outline lesions in ultrasound images, those without a lesion included."""
    from mm.evaluation.inspection.lesion_methods import make_segment
    from mm.evaluation.inspection.lesions import evaluate_breast_ultrasound
    from mm.lesions.segmentation.shipped import find_weights
    from mm.settings import Settings

    file = find_weights(Settings(), weights)
    with tempfile.TemporaryDirectory() as cache:
        report = evaluate_breast_ultrasound(make_segment(file, Path(cache)), root, split, print_progress)
    print_reports(report, as_json, set_name="breast_ultrasound", task="lesions", root=root, split=split, weights=(file,))


@click.command("bus_bra")
@root
@split
@weights
@keeps_runs
@options.as_json
def bus_bra(root: Path, split: str, weights: Path | None, as_json: bool) -> None:
    """Outline lesions in the ultrasound images of BUS-BRA, one in each."""
    from mm.evaluation.inspection.lesion_methods import make_segment
    from mm.evaluation.inspection.lesions import evaluate_bus_bra
    from mm.lesions.segmentation.shipped import find_weights
    from mm.settings import Settings

    file = find_weights(Settings(), weights)
    with tempfile.TemporaryDirectory() as cache:
        report = evaluate_bus_bra(make_segment(file, Path(cache)), root, split, print_progress)
    print_reports(report, as_json, set_name="bus_bra", task="lesions", root=root, split=split, weights=(file,))


@click.command("cvc_clinicdb")
@root
@split
@click.option("--frames", type=click.IntRange(1), default=20, show_default=True, help="Marked frames of train for the head.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Choice of these frames.")
@click.option("--choose", is_flag=True, help="Compare thresholds and trackers on held-out sequences of train instead, 3 seeds.")
@keeps_runs
@options.as_json
def cvc_clinicdb(root: Path, split: str, frames: int, seed: int, choose: bool, as_json: bool) -> None:
    """Follow polyps through sequences with a head trained on a few marked frames."""
    from mm.evaluation.inspection.lesion_methods import HEAD_TAPS, fit_head_of_cvc_clinicdb, make_track
    from mm.evaluation.inspection.lesions import evaluate_cvc_clinicdb
    from mm.inspection.features.backbone import LiteBackbone

    with tempfile.TemporaryDirectory() as cache:
        backbone = LiteBackbone("imagenet", Path(cache), taps=HEAD_TAPS)
        if choose:
            _print_choices(root, backbone, frames, as_json)
            return
        head = fit_head_of_cvc_clinicdb(root, backbone, frames, seed)
        report = evaluate_cvc_clinicdb(make_track(head), root, split, print_progress)
    print_reports(
        report,
        as_json,
        set_name="cvc_clinicdb",
        task="lesions",
        root=root,
        split=split,
        weights=find_backbone_weights("imagenet"),
    )


def _print_choices(root: Path, backbone: Backbone, num_frames: int, as_json: bool) -> None:
    from mm.data.inspection.lesions import read_cvc_clinicdb
    from mm.evaluation.inspection.choose_tracking import choose_tracking
    from mm.evaluation.inspection.lesion_methods import fit_head_on_frames

    choices = choose_tracking(
        read_cvc_clinicdb(root, "train"),
        lambda frames, seed: fit_head_on_frames(frames, backbone, num_frames, seed).predict,
        NUM_SEEDS,
        print_progress,
    )
    if as_json:
        click.echo(json.dumps([asdict(choice) for choice in choices]))
        return
    click.echo("| threshold | confidence | distance | IDF1 on held-out sequences |\n| --- | --- | --- | --- |")
    click.echo("\n".join(choice.line() for choice in choices))
