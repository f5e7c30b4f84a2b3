"""Prints the records of a run: a table on a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from mm.cli.render import print_rows
from mm.embedded.terminal import clean
from mm.inspection.exports.files import shorten_names
from mm.inspection.report.parts import format_value
from mm.schemas import InspectionRecord, InspectionVerdict

VERDICTS: tuple[InspectionVerdict, ...] = ("pass", "fail", "undecided")
COLUMNS = ("verdict", "p", "score", "image", "time", "regions", "largest region")


def sort_records(records: Sequence[InspectionRecord]) -> list[InspectionRecord]:
    """The records by p-value, the least like good parts first."""
    return sorted(records, key=lambda record: (record.p_value, -record.score))


def print_records(records: Sequence[InspectionRecord]) -> None:
    """Print the records by p-value, and each of their notes once on standard error."""
    names = shorten_names(records)
    print_rows(COLUMNS, [_row(record, names[record.image]) for record in sort_records(records)])
    for note in dict.fromkeys(note for record in records for note in record.notes):
        click.echo(f"note: {clean(note)}", err=True)


def count_verdicts(records: Sequence[InspectionRecord]) -> dict[InspectionVerdict, int]:
    """Number of records of each verdict, zeros included."""
    counts = Counter(record.verdict for record in records)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def describe_regions(record: InspectionRecord) -> str:
    """Kind and length of the first region that was measured, or why there is none."""
    for region in record.regions:
        if region.measures is not None:
            kind = f"{region.kind}, " if region.kind else ""
            return f"{kind}{format_value(region.measures.length)} long"
    notes = [note for region in record.regions for note in region.notes]
    return notes[0] if notes else ""


def format_time(record: InspectionRecord) -> str:
    """Seconds of a frame of a video; empty for an image."""
    return "" if record.start is None else f"{record.start:.2f} s"


def _row(record: InspectionRecord, name: str) -> tuple[str, ...]:
    return (
        record.verdict,
        f"{record.p_value:.3f}",
        f"{record.score:.3g}",
        clean(name),
        format_time(record),
        str(len(record.regions)) if record.regions else "",
        clean(describe_regions(record)),
    )
