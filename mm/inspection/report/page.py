"""The report of an inspection as one HTML file that loads nothing from elsewhere, for print too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from mm.documents.parts import format_document, format_table, make_data_url
from mm.errors import MMError
from mm.inspection.exports.drawing import draw_pair, shrink
from mm.inspection.exports.files import OpenHeat, OpenImage, shorten_names
from mm.inspection.report.charts import draw_scores
from mm.inspection.report.outcomes import MarkVerdict, Outcomes, count_outcomes, name_frame
from mm.inspection.report.parts import format_region
from mm.media.types import RGB
from mm.schemas import InspectionRecord, ThresholdRecord

MAX_ROWS = 2000
"""Rows of the table, those least like good parts; the CSV export has all."""
EXAMPLE_PIXELS = 900
"""Longer side of an example with its heat map, so that a report has a bounded size."""
Names = Mapping[str, str]
"""The name that is shown for each image."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report is about. `settings` and `figures` are shown as they are."""

    title: str
    created: datetime
    inspector: str
    version: int
    threshold: ThresholdRecord
    records: Sequence[InspectionRecord]
    settings: Mapping[str, object] = field(default_factory=dict)
    scale: str | None = None
    failures: Sequence[tuple[str, str]] = ()
    """Name and error of each file that could not be inspected."""
    marks: Mapping[str, MarkVerdict] = field(default_factory=dict)
    """Verdict of a person by `name_frame` of a record."""
    pod_rows: Sequence[Mapping[str, object]] = ()
    """Rows of a study of `mm bench pod`."""
    pod_chart: bytes | None = None
    """Its chart, an SVG file."""


def build_report(report: Report, open_image: OpenImage, open_heat: OpenHeat, num_examples: int = 12) -> str:
    """The HTML document. Images that cannot be opened are replaced by the reason.

    Shows up to `num_examples` images with heat maps, those least like good parts.
    """
    names = shorten_names(report.records)
    ordered = sorted(report.records, key=lambda record: (record.p_value, -record.score))
    sections = [
        _describe_summary(report),
        _describe_threshold(report, count_outcomes(report.records, report.marks)),
        _describe_examples(ordered[:num_examples], names, open_image, open_heat),
        _describe_records(ordered, names, report.marks),
        _describe_failures(report.failures),
        _describe_pod(report),
        _describe_settings(report),
    ]
    subtitle = f"Inspector {report.inspector}, version {report.version}. Inspected {report.created:%Y-%m-%d %H:%M} UTC."
    return format_document(report.title, subtitle, sections)


def _describe_summary(report: Report) -> str:
    counts = {verdict: sum(record.verdict == verdict for record in report.records) for verdict in ("pass", "fail", "undecided")}
    cells = "".join(f'<div class="{verdict}"><b>{count}</b> {verdict}</div>' for verdict, count in counts.items())
    failed = f'<div class="unread"><b>{len(report.failures)}</b> not read</div>' if report.failures else ""
    return f'<section class="counts" aria-label="Counts">{cells}{failed}</section>'


def _describe_threshold(report: Report, outcomes: Outcomes | None) -> str:
    measured = "<p>No part of this run is marked, so false alarms and catches are not measured yet.</p>"
    if outcomes is not None:
        rows = [
            ("good parts that failed", str(outcomes.false_alarms)),
            ("defective parts that did not pass", str(outcomes.caught)),
        ]
        measured = format_table(("measured on marked parts", "count, share and 95 % interval"), rows)
        measured += "<p>These are shares of all parts only if parts were chosen for marking without regard to their verdicts.</p>"
    chart = draw_scores(report.records, report.threshold.score)
    return f"<section tabindex='0'><h2>Threshold</h2><p>{escape(report.threshold.statement)}</p>{chart}{measured}</section>"


def _describe_examples(records: Sequence[InspectionRecord], names: Names, open_image: OpenImage, open_heat: OpenHeat) -> str:
    figures = "".join(_describe_example(record, _name(record, names), open_image, open_heat) for record in records)
    if not figures:
        return ""
    note = "Each image, and the same with its heat map: colour begins at the threshold, regions are outlined."
    return f"<section tabindex='0'><h2>Least like good parts</h2><p>{note}</p><div class='examples'>{figures}</div></section>"


def _describe_example(record: InspectionRecord, name: str, open_image: OpenImage, open_heat: OpenHeat) -> str:
    regions = "".join(f"<li>{escape(format_region(region))}</li>" for region in record.regions[:3])
    caption = f"<b>{escape(name)}</b> {_badge(record)} p = {record.p_value:.3f}<ul>{regions}</ul>"
    try:
        pair: RGB = shrink(draw_pair(record, open_image, open_heat), EXAMPLE_PIXELS)
    except MMError as error:
        return f"<figure><p class='missing'>{escape(str(error))}</p><figcaption>{caption}</figcaption></figure>"
    alternative = escape(f"{name} and its heat map", quote=True)
    return f'<figure><img src="{make_data_url(pair)}" alt="{alternative}"><figcaption>{caption}</figcaption></figure>'


def _describe_records(ordered: Sequence[InspectionRecord], names: Names, marks: Mapping[str, MarkVerdict]) -> str:
    rows = "".join(
        _describe_row(record, _name(record, names), marks.get(name_frame(record), "")) for record in ordered[:MAX_ROWS]
    )
    more = f"<p>The first {MAX_ROWS} of {len(ordered)} images; the CSV export has all.</p>" if len(ordered) > MAX_ROWS else ""
    columns = ("image", "verdict", "p-value", "score", "mark", "regions")
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<section tabindex='0'><h2>All images by p-value</h2>{more}{table}</section>"


def _describe_row(record: InspectionRecord, name: str, mark: str) -> str:
    regions = "<br>".join(escape(format_region(region)) for region in record.regions[:3])
    more = f"<br>and {len(record.regions) - 3} more" if len(record.regions) > 3 else ""
    notes = "".join(f"<br><i>{escape(note)}</i>" for note in record.notes)
    shown = f'<span title="{escape(record.image, quote=True)}">{escape(name)}</span>'
    cells = (shown, _badge(record), f"{record.p_value:.3f}", f"{record.score:.3g}", mark, regions + more + notes)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _describe_failures(failures: Sequence[tuple[str, str]]) -> str:
    if not failures:
        return ""
    names = [(image, image.rsplit("/", 1)[-1]) for image, _ in failures]
    rows = [(name, error.replace(image, name)) for (image, name), (_, error) in zip(names, failures, strict=True)]
    return f"<section tabindex='0'><h2>Files that could not be read</h2>{format_table(('file', 'error'), rows)}</section>"


def _describe_pod(report: Report) -> str:
    if not report.pod_rows and report.pod_chart is None:
        return ""
    columns = list(dict.fromkeys(name for row in report.pod_rows for name in row))
    rows = [[_format(row.get(column)) for column in columns] for row in report.pod_rows]
    table = format_table([column.replace("_", " ") for column in columns], rows) if rows else ""
    chart = ""
    if report.pod_chart is not None:
        source = make_data_url(report.pod_chart, "image/svg+xml")
        chart = f'<img class="chart" src="{source}" alt="Probability of detection by size">'
    return f"<section tabindex='0'><h2>Probability of detection by size</h2>{chart}{table}</section>"


def _describe_settings(report: Report) -> str:
    settings = {**report.settings, "scale": report.scale or "none: sizes are in pixels"}
    rows = [(name.replace("_", " "), _format(value)) for name, value in settings.items()]
    return f"<section tabindex='0'><h2>Settings</h2>{format_table(('setting', 'value'), rows)}</section>"


def _badge(record: InspectionRecord) -> str:
    return f'<span class="badge {record.verdict}">{record.verdict}</span>'


def _name(record: InspectionRecord, names: Names) -> str:
    name = names[record.image]
    return name if record.start is None else f"{name} at {record.start:.2f} s"


def _format(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
