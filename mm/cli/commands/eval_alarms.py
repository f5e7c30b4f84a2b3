"""`mm eval false_alarms`: promised and observed rates on good parts of unseen groups."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.eval_inspection import find_backbone_weights, num_jobs, print_progress, root
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports

SETS = ("magnetic_tile", "mvtec_transistor")


@click.command("false_alarms")
@root
@click.option("--set", "name", type=click.Choice(SETS), required=True, help="Which data set the folder holds.")
@click.option(
    "--groups", "num_groups", type=click.IntRange(1), multiple=True, default=(8, 19, 75), show_default=True,
    help="Number of groups of good images to fit on, one image of each.",
)  # fmt: skip
@click.option("--splits", type=click.IntRange(1), default=20, show_default=True, help="Number of random splits of the groups.")
@click.option(
    "--rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True, help="Promised."
)
@num_jobs
@keeps_runs
@options.as_json
def false_alarms(
    root: Path, name: str, num_groups: tuple[int, ...], splits: int, rate: float, num_jobs: int, as_json: bool
) -> None:
    """Count false alarms on good images of train whose groups the fit has not seen."""
    from mm.data.inspection.parts import read_magnetic_tile, read_mvtec_transistor
    from mm.evaluation.inspection.alarms import evaluate_false_alarms
    from mm.evaluation.inspection.inspectors import ShippedFit
    from mm.inspection.features.framing import Framing
    from mm.inspection.settings import FitSettings

    good = (read_magnetic_tile if name == "magnetic_tile" else read_mvtec_transistor)(root, "train")
    settings = FitSettings(framing=Framing(None if name == "magnetic_tile" else 256), rate=rate)
    with tempfile.TemporaryDirectory() as cache:
        fit = ShippedFit(settings, Path(cache), has_cache=True, threads=int(num_jobs > 1))
        report = evaluate_false_alarms(fit, good, num_groups, splits, rate, print_progress, num_jobs)
    weights = find_backbone_weights(settings.backbone)
    print_reports(report, as_json, set_name=name, task="false-alarms", root=root, split="train", weights=weights)
