"""`mm bench pod`: probability of detection of rendered defects by size."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report
from mm.cli.commands.eval_inspection import num_jobs

if TYPE_CHECKING:
    from mm.bench.pod.report import PodReport
    from mm.bench.pod.run import Study
    from mm.metrics.chart import Chart


@click.command()
@click.option("--surfaces", type=options.FOLDER, help="Folder of images without defects; default: generated surfaces.")
@click.option("--mm-per-px", default=0.02, show_default=True, help="Scale of the images.")
@click.option(
    "--sizes-mm", type=(float, float), default=(0.03, 1.0), show_default=True, metavar="MIN MAX", help="Range of the sizes."
)
@click.option(
    "--contrast", "contrasts", multiple=True, type=float, default=(5.0, 10.0), show_default=True, help="Contrast to noise."
)
@click.option("--per-kind", default=60, show_default=True, metavar="N", help="Defects of each kind, contrast and seed.")
@click.option("--goods", default=80, show_default=True, metavar="N", help="Good images to fit to, and as many for false calls.")
@click.option("--seeds", default=3, show_default=True, metavar="N", help="Seeds.")
@click.option("--rate", default=0.05, show_default=True, help="Share of good images with a call, for the threshold.")
@click.option("--blur-px", default=0.5, show_default=True, help="Blur of the lens, as a standard deviation.")
@click.option("--first-seed", default=0, show_default=True, metavar="N", help="The first of the seeds.")
@click.option("--inspector", is_flag=True, help="Detect with an inspector; default: matched filters, the baseline.")
@click.option("--fine", is_flag=True, help="The inspector describes patches at twice the resolution, too.")
@click.option("--cracks", is_flag=True, help="The inspector learns from rendered cracks, too.")
@click.option("--enlarge", default=2.0, show_default=True, help="Scale of the images that the inspector receives.")
@num_jobs
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the curves to this SVG file.")
@options.as_json
def command(
    surfaces: Path | None,
    mm_per_px: float,
    sizes_mm: tuple[float, float],
    contrasts: tuple[float, ...],
    per_kind: int,
    goods: int,
    seeds: int,
    rate: float,
    blur_px: float,
    first_seed: int,
    inspector: bool,
    fine: bool,
    cracks: bool,
    enlarge: float,
    num_jobs: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Render scratches, pits and stains of known size onto surfaces, and detect and measure them.

    The table has the size that is detected with 90 % probability (a90), its upper bound at 95 %
    (a90/95), false calls, and how well sizes and their uncertainty agree with the rendered ones.
    """
    from mm.bench.pod.run import Study
    from mm.bench.pod.study import run
    from mm.files import write_atomic

    study = Study(
        mm_per_px=mm_per_px,
        sizes_mm=sizes_mm,
        contrasts=contrasts,
        per_kind=per_kind,
        num_goods=goods,
        crop_px=Study.crop_for(sizes_mm[1], mm_per_px),
        rate=rate,
        blur_px=blur_px,
        seed=first_seed,
    )
    if inspector:
        report, chart = _run_with_inspector(study, seeds, surfaces, enlarge, fine, cracks, num_jobs)
    else:
        report, chart = run(study, seeds, surfaces, num_jobs=num_jobs)
    if plot is not None:
        write_atomic(plot, chart.to_svg().encode())
    print_report(report, as_json)


def _run_with_inspector(
    study: Study, seeds: int, surfaces: Path | None, enlarge: float, fine: bool, cracks: bool, num_jobs: int
) -> tuple[PodReport, Chart]:
    from mm.bench.pod.inspector_detector import create_inspector_detector
    from mm.bench.pod.study import run

    with tempfile.TemporaryDirectory() as cache:
        create = partial(
            create_inspector_detector,
            Path(cache),
            enlarge,
            int(num_jobs > 1),
            has_fine_patches=fine,
            has_rendered_cracks=cracks,
        )
        return run(study, seeds, surfaces, create, num_jobs)
