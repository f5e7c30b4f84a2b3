"""`mm eval` of parts and boards: mvtec_transistor, magnetic_tile, aitex_fabric, deep_pcb."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm.cli import options
from mm.cli.commands.eval_language import split
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports

if TYPE_CHECKING:
    from mm.evaluation.inspection.runs import Fit
    from mm.evaluation.inspection.sets import Reports

F = TypeVar("F", bound=Callable[..., Any])

root = click.option("--root", type=options.FOLDER, required=True, help="Folder of the data set, with its split.json.")
num_good = click.option(
    "--good", "num_good", type=click.IntRange(1), multiple=True, default=(8, 100), show_default=True,
    help="Number of good images to fit on. Several are reported one after the other.",
)  # fmt: skip
num_seeds = click.option(
    "--seeds", "num_seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="Number of choices of good images."
)
num_jobs = click.option(
    "--jobs", "num_jobs", type=click.IntRange(1, 256), default=1, show_default=True,
    help="Fits that run at once, each in a process with one thread.",
)  # fmt: skip


def fit_options(longest: int | None, share: float | None = None) -> Callable[[F], F]:
    """Add the options of a fit; `longest` is the default side in pixels, None the native size."""

    side = click.option(
        "--longest", type=click.IntRange(0), default=longest or 0, show_default=True,
        help="Longer side in pixels that the network receives; 0 is the native size.",
    )  # fmt: skip
    backbone = click.option("--backbone", default="imagenet", show_default=True, help="Network of the patches: imagenet or lite.")
    shares = click.option(
        "--share", type=click.FloatRange(0, 1, min_open=True), default=share, help="Share of patches of a score."
    )
    bank = click.option("--bank", "bank_size", type=click.IntRange(2), help="Largest number of vectors of the bank.")
    fine = click.option("--fine", is_flag=True, help="Describe patches at twice the resolution, too.")
    cracks = click.option("--cracks", is_flag=True, help="Learn from cracks rendered on the good images, too.")
    return lambda command: backbone(side(shares(bank(fine(cracks(command))))))


@click.command("mvtec_transistor")
@root
@split
@num_good
@num_seeds
@num_jobs
@fit_options(256)
@keeps_runs
@options.as_json
def mvtec_transistor(
    root: Path, split: str, num_good: tuple[int, ...], num_seeds: int, num_jobs: int, as_json: bool, **fit: Any
) -> None:
    """Find defective transistors of MVTec AD after a fit on good ones of train."""
    from mm.evaluation.inspection.sets import evaluate_mvtec_transistor

    with load_fit(num_jobs, **fit) as method:
        report = evaluate_mvtec_transistor(method, root, split, num_good, num_seeds, print_progress, num_jobs)
    _print(report, as_json, root, split, "mvtec_transistor", fit["backbone"])


@click.command("magnetic_tile")
@root
@split
@num_good
@num_seeds
@num_jobs
@click.option("--marks", "has_marks", is_flag=True, help="Teach with all marked tiles of train, after the largest fit only.")
@fit_options(None)
@keeps_runs
@options.as_json
def magnetic_tile(
    root: Path, split: str, num_good: tuple[int, ...], num_seeds: int, num_jobs: int, has_marks: bool, as_json: bool, **fit: Any
) -> None:
    """Find defective magnetic tiles after a fit on good ones of train."""
    from mm.evaluation.inspection.sets import evaluate_magnetic_tile, evaluate_magnetic_tile_marks

    with load_fit(num_jobs, **fit) as method:
        if has_marks:
            report = evaluate_magnetic_tile_marks(method, root, split, max(num_good), num_seeds, print_progress, num_jobs)
        else:
            report = evaluate_magnetic_tile(method, root, split, num_good, num_seeds, print_progress, num_jobs)
    _print(report, as_json, root, split, "magnetic_tile", fit["backbone"])


@click.command("aitex_fabric")
@root
@split
@num_seeds
@num_jobs
@fit_options(None)
@keeps_runs
@options.as_json
def aitex_fabric(root: Path, split: str, num_seeds: int, num_jobs: int, as_json: bool, **fit: Any) -> None:
    """Find defective strips of fabrics after a fit on the support strips of each."""
    from mm.evaluation.inspection.sets import evaluate_aitex_fabric

    with load_fit(num_jobs, **fit) as method:
        report = evaluate_aitex_fabric(method, root, split, num_seeds, print_progress, num_jobs)
    _print(report, as_json, root, split, "aitex_fabric", fit["backbone"])


@click.command("deep_pcb")
@root
@split
@keeps_runs
@options.as_json
def deep_pcb(root: Path, split: str, as_json: bool) -> None:
    """Find defects of boards beside their template, and by plain difference, the baseline."""
    from mm.evaluation.inspection.board_baseline import subtract_template
    from mm.evaluation.inspection.board_method import compare_with_template
    from mm.evaluation.inspection.boards import evaluate_deep_pcb
    from mm.evaluation.inspection.sets import Reports
    from mm.inspection.template.verifier import COEFFICIENTS

    methods = (("template inspector", compare_with_template), ("plain difference, the baseline", subtract_template))
    reports = [evaluate_deep_pcb(compare, root, split, print_progress, method) for method, compare in methods]
    print_reports(
        Reports(tuple(reports)), as_json, set_name="deep_pcb", task="boards", root=root, split=split, weights=(COEFFICIENTS,)
    )


def _print(reports: Reports, as_json: bool, root: Path, split: str, name: str, backbone: str) -> None:
    weights = find_backbone_weights(backbone)
    print_reports(reports, as_json, set_name=name, task="inspectors", root=root, split=split, weights=weights)


def find_backbone_weights(name: str) -> tuple[Path, ...]:
    """The file of the weights of a shipped backbone; none of another one."""
    from mm.inspection.features.backbone import BACKBONES, find_weights

    return (find_weights(name),) if name in BACKBONES else ()


@contextmanager
def load_fit(
    num_jobs: int, backbone: str, longest: int, share: float | None, bank_size: int | None, fine: bool, cracks: bool
) -> Iterator[Fit]:  # fmt: skip
    """The shipped method with these settings; its graph is built in a temporary folder."""
    from mm.evaluation.inspection.inspectors import ShippedFit
    from mm.inspection.features.framing import Framing
    from mm.inspection.settings import FitSettings

    settings = FitSettings(
        backbone=backbone, framing=Framing(longest=longest or None), has_fine_patches=fine, has_rendered_cracks=cracks
    )
    if share is not None:
        settings = replace(settings, share=share)
    if bank_size is not None:
        settings = replace(settings, bank_size=bank_size)
    with tempfile.TemporaryDirectory() as cache:
        yield ShippedFit(settings, Path(cache), threads=int(num_jobs > 1))


def print_progress(line: str) -> None:
    click.echo(line, err=True)
