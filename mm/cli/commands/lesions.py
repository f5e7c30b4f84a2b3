"""`mm lesions`: candidates for review in ultrasound files. Research use, not a diagnosis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.lesions.types import LesionAnalysis


@click.group()
def command() -> None:
    """Mark candidates for review in ultrasound. Research use, not a diagnosis."""


@command.command()
@click.argument("path", type=options.FILE, metavar="FILE")
@click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for the exports.")
@click.option("--weights", type=options.FILE, help="Weights of the network; default: the shipped ones.")
@click.option(
    "--fps", type=click.FloatRange(0.1, 120.0), default=30.0, show_default=True, help="Most frames a second of a video."
)
@options.as_json
def run(path: Path, out: Path, weights: Path | None, fps: float, as_json: bool) -> None:
    """Analyse FILE: a DICOM file, an image or a video.

    Writes COCO JSON, CSV, PNG, of a clip a video with tracks, and of DICOM also SR and SEG. Every
    export says: candidate for review, research use, not a diagnosis.
    """
    from mm.cli.lesions import analyse_file
    from mm.cli.progress import open_progress
    from mm.settings import load_settings

    with open_progress() as progress, progress.task(path.name) as report:
        analysis, files = analyse_file(
            path, out, weights, load_settings(), fps, lambda done, total: report(done / max(done, total), f"frame {done}")
        )
    if as_json:
        from mm.lesions.records import to_result

        click.echo(to_result(analysis).model_dump_json(indent=1))
        return
    click.echo(_describe(analysis))
    for note in (*analysis.notes, f"{analysis.notice}."):
        click.echo(note, err=True)
    click.echo(f"{len(files)} files in {out}", err=True)


def _describe(analysis: LesionAnalysis) -> str:
    lines = []
    for mark in analysis.list_marks():
        if mark.is_best:
            candidate = mark.candidate
            area = f"{mark.region.area_px} px" if mark.area_mm2 is None else f"{mark.area_mm2:.1f} mm2"
            lines.append(
                f"view {mark.view_number}, candidate {candidate.track_id}: frames {candidate.start_frame} to "
                f"{candidate.end_frame}, best {candidate.best_frame}, confidence {candidate.confidence:.2f}, area {area}"
            )
    return "\n".join(lines) or "No candidates."
