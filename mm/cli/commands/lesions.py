"""`mm lesions`: candidates for review in ultrasound files. Research use, not a diagnosis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.schemas import LesionResult


@click.group()
def command() -> None:
    """Mark candidates for review in ultrasound. Research use, not a diagnosis."""


@command.command()
@click.argument("target", metavar="FILE|ID")
@click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for the exports.")
@click.option("--weights", type=options.FILE, help="Weights of the network; default: the shipped ones.")
@click.option("--fps", type=click.FloatRange(0.1, 120.0), help="Most frames a second of a video; default: 30.")
@options.service
def run(target: str, out: Path, weights: Path | None, fps: float | None, url: str | None, as_json: bool) -> None:
    """Analyse FILE, a DICOM file, an image or a video, or the item ID of the library.

    Writes COCO JSON, CSV, PNG, of a clip a video with tracks, and of DICOM also SR and SEG. Every
    export says: candidate for review, research use, not a diagnosis. A file is analysed in this
    process; with --url, and an item, by the service.
    """
    from mm.cli.progress import open_progress

    with open_progress() as progress, progress.task(target) as report:
        if url is None and Path(target).is_file():
            from mm.cli.lesions import analyse_file
            from mm.lesions.records import to_result
            from mm.settings import load_settings

            analysis, files = analyse_file(
                Path(target),
                out,
                weights,
                load_settings(),
                fps or 30.0,
                lambda done, total: report(done / max(done, total), f"frame {done}"),
            )
            result = to_result(analysis)
        else:
            from mm.cli.lesions import analyse_by_service
            from mm.embedded.connect import connect

            if weights is not None or fps is not None:
                raise click.UsageError("--weights and --fps are for files that this process analyses.")
            with connect(url) as client:
                result, files = analyse_by_service(client, target, out, report)
    if as_json:
        click.echo(result.model_dump_json(indent=1))
        return
    click.echo(_describe(result))
    for note in (*result.notes, f"{result.notice}."):
        click.echo(note, err=True)
    click.echo(f"{len(files)} files in {out}", err=True)


def _describe(result: LesionResult) -> str:
    lines = []
    for candidate in result.candidates:
        region = candidate.best_region
        area = f"{region.area_px} px" if region.area_mm2 is None else f"{region.area_mm2:.1f} mm2"
        seconds = "" if candidate.start is None else f" ({candidate.start:.2f} to {candidate.end:.2f} s)"
        lines.append(
            f"candidate {candidate.id}: frames {candidate.start_frame} to {candidate.end_frame}{seconds}, "
            f"best {candidate.best_frame}, confidence {candidate.confidence:.2f}, area {area}"
        )
    return "\n".join(lines) or "No candidates."
