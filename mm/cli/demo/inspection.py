"""Fit an inspector on rendered good parts, find a rendered scratch, and compare its length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli.demo.parts import MM_PER_PX, PLATE_MM, SCRATCH_MM, SIDE, write_parts
from mm.cli.inspection.fitting import FitOptions, Fitting
from mm.cli.inspection.pictures import group_images
from mm.cli.inspection.reporting import build_run_report
from mm.cli.inspection.running import NamedScale, Running
from mm.cli.inspection.settings_table import describe_settings
from mm.cli.inspection.table import sort_records
from mm.cli.progress import NullProgress
from mm.files import write_atomic
from mm.inspection.records import describe
from mm.inspection.report.parts import format_value
from mm.inspection.runs import Run, RunInfo, RunWriter, make_run_id
from mm.media import MediaReader
from mm.metrology import scale_of_length

if TYPE_CHECKING:
    from mm.inspection.inspector_file import AnyInspector
    from mm.schemas import InspectionRecord, MeasuredValue
    from mm.settings import Settings

NAME = "plate"
REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class InspectedPart:
    """The record of a part, and whether verdict and length agree with what was rendered."""

    record: InspectionRecord
    is_scratched: bool

    @property
    def length(self) -> MeasuredValue | None:
        """Length of the region with the highest score."""
        sizes = [region.measures for region in self.record.regions if region.measures is not None]
        return sizes[0].length if sizes else None

    @property
    def is_correct(self) -> bool:
        """Whether a good part passes, and the scratch fails with its length within U."""
        if not self.is_scratched:
            return self.record.verdict == "pass"
        length = self.length
        return self.record.verdict == "fail" and length is not None and abs(length.value - SCRATCH_MM) <= length.expanded


def inspect_parts(folder: Path, settings: Settings, print_progress: Callable[[str], None]) -> list[InspectedPart]:
    """Render the parts into `folder`, fit on the good ones, inspect the others, write a report."""
    parts = write_parts(folder)
    good = group_images(parts.good, "none")
    print_progress(f"fitting an inspector on {len(good)} rendered pictures of good parts")
    inspector = Fitting(settings, lambda share, line: None).fit(NAME, good, FitOptions())
    print_progress(f"inspecting {len(parts.new)} further parts")
    run = _run(inspector, parts.new, settings)
    write_atomic(folder / REPORT, build_run_report(run, settings, len(parts.new)).encode(), durable=False)
    return [InspectedPart(record, record.image == str(parts.scratched)) for record in sort_records(run.records)]


def print_parts(parts: Sequence[InspectedPart], folder: Path) -> None:
    """Print a line for each part, and where the pictures and the report are."""
    for part in parts:
        record, length = part.record, part.length
        size = f"  scratch of {format_value(length)}, rendered {SCRATCH_MM} mm" if part.is_scratched and length else ""
        click.echo(
            f"{'✓' if part.is_correct else '✗'} {Path(record.image).name:12} {record.verdict:9} p = {record.p_value:.3f}{size}"
        )
    click.echo(f"The parts and their heat maps are in {folder / REPORT}; docs/inspection.md continues from there.")


def _run(inspector: AnyInspector, files: Sequence[Path], settings: Settings) -> Run:
    half = PLATE_MM / MM_PER_PX / 2
    scale = NamedScale("plate", scale_of_length(PLATE_MM, (SIDE / 2 - half, SIDE / 2), (SIDE / 2 + half, SIDE / 2)))
    info = RunInfo(
        id=make_run_id(NAME),
        inspector=NAME,
        version=inspector.version,
        created=datetime.now(UTC),
        scale=scale.name,
        settings=describe_settings(inspector),
        threshold=describe(inspector.threshold),
    )
    with RunWriter(settings.root / info.id, info) as writer, MediaReader.from_settings(settings) as reader:
        Running(inspector, reader, scale, fps=1.0).run(files, writer, NullProgress())
    return Run(writer.folder)
