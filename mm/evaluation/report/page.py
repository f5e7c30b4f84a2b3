"""The report of a run as one HTML file, for a screen and for print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mm.data.sets.published import Published
from mm.documents.parts import POLICY, format_document, format_html_table, format_section, format_table
from mm.evaluation.report.examples import OpenShown, choose_examples, format_examples
from mm.evaluation.report.plots import draw_curves
from mm.evaluation.report.style import STYLE
from mm.evaluation.report.values import draw_bar, format_interval, format_value, keep_whole
from mm.evaluation.runs.compare import Comparison
from mm.evaluation.runs.types import Breakdown, Curve, Run

NUM_EXAMPLES = 12
MAX_ROWS = 1000
"""Rows of a breakdown, failed files and earlier runs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report is about."""

    run: Run
    earlier: Sequence[Run] = ()
    """Runs of the same set, split and task, without their items."""
    published: Sequence[Published] = ()
    comparison: Comparison | None = None
    """With an earlier run; the run of the report is the second."""


def build_report(report: Report, open_shown: OpenShown, num_examples: int = NUM_EXAMPLES) -> str:
    """The HTML document, with all that it shows of files in itself."""
    run = report.run
    signature = run.signature
    subtitle = f"{run.outcome.title}. {signature.method}, {run.started[:16].replace('T', ' ')} UTC, {run.seconds:.0f} s."
    simulated = (
        f"<p class='warning'>The files are simulated: these are no numbers of {escape(signature.set_name)}.</p>"
        if signature.is_simulated
        else ""
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in run.outcome.notes)
    sections = [
        format_section("Measures", simulated, _format_measures(run), notes),
        _format_comparison(report.comparison),
        format_section("Curves", draw_curves(run.outcome.curves)) if run.outcome.curves else "",
        *(_format_breakdown(breakdown) for breakdown in run.outcome.breakdowns),
        _format_history(run, report.earlier),
        _format_published(run, report.published),
        *_format_examples(run, open_shown, num_examples),
        _format_left_out(run),
        _format_signature(run),
    ]
    title = f"{signature.set_name}, {signature.split}: {signature.task}"
    return format_document(title, subtitle, sections, style=STYLE, policy=f"{POLICY}; media-src data:")


def _format_measures(run: Run) -> str:
    rows = [
        (escape(m.name), f"<b>{keep_whole(format_value(m, m.value))}</b>", keep_whole(format_interval(m)), draw_bar(m))
        for m in run.outcome.measures
    ]
    return format_html_table(("measure", "value", "95 % interval", ""), rows)


def _format_comparison(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    rows = []
    for row in comparison.differences:
        values = [format_value(row.measure, row.measure.value), format_value(row.second, row.second.value)]
        if row.difference is None or row.p_value is None:
            rows.append((row.measure.name, *values, "not paired", "", ""))
            continue
        low, high = (format_value(row.measure, end) for end in (row.difference.low, row.difference.high))
        rows.append(
            (row.measure.name, *values, format_value(row.measure, row.difference.value), f"{low} to {high}", f"{row.p_value:.3g}")
        )
    notes = "".join(f"<p>{escape(note)}</p>" for note in comparison.notes)
    columns = ("measure", comparison.first.id, "this run", "difference", "95 % interval", "p")
    changed = [
        (
            kind,
            item.second.id,
            f"{item.first.values[item.key]:g}",
            f"{item.second.values[item.key]:g}",
            item.second.question or item.second.expected,
        )
        for kind, items in (("worse", comparison.worse), ("better", comparison.better))
        for item in items
    ]
    table = (
        format_html_table(("", "item", "before", "now", "question"), [list(map(keep_whole, row)) for row in changed])
        if changed
        else ""
    )
    return format_section(
        "Compared item by item",
        notes,
        format_html_table(columns, [[escape(name), *map(keep_whole, values)] for name, *values in rows]),
        table,
    )


def _format_breakdown(breakdown: Breakdown) -> str:
    rows = [
        (
            escape(row.stratum), str(row.num_items), keep_whole(format_value(row.measure, row.measure.value)),
            keep_whole(format_interval(row.measure)), draw_bar(row.measure),
        )
        for row in breakdown.rows[:MAX_ROWS]
    ]  # fmt: skip
    name = breakdown.rows[0].measure.name if breakdown.rows else ""
    table = format_html_table((breakdown.by, "items", name, "95 % interval", ""), rows) if rows else ""
    return format_section(f"By {breakdown.by}", table)


def _format_history(run: Run, earlier: Sequence[Run]) -> str:
    """Earlier runs and this one, in order of time; empty without an earlier one."""
    others = [other for other in earlier if other.id != run.id][:MAX_ROWS]
    if not others or not run.outcome.measures:
        return ""
    runs = sorted([*others, run], key=lambda one: one.started)
    shown = run.outcome.measures[:3]
    curves = []
    rows = [[one.started[:16].replace("T", " "), one.id, one.signature.method, one.signature.code] for one in runs]
    for measure in shown:
        found = [next((m for m in one.outcome.measures if m.name == measure.name), None) for one in runs]
        for row, value in zip(rows, found, strict=True):
            row.append(format_value(value, value.value) if value else "")
        points = [(float(number), value.value) for number, value in enumerate(found, 1) if value]
        if measure.is_share:
            curves.append(
                Curve(name=measure.name, x_label="run", y_label=measure.name, x=[x for x, _ in points], y=[y for _, y in points])
            )
    columns = ("started (UTC)", "run", "method", "code", *(measure.name for measure in shown))
    table = format_html_table(columns, [list(map(keep_whole, row)) for row in rows])
    return format_section("Runs over time", draw_curves(curves), table)


def _format_published(run: Run, published: Sequence[Published]) -> str:
    """This run and the numbers of others: a row for each model and source, a column a measure."""
    if not published:
        return ""
    own = {measure.name: measure for measure in run.outcome.measures}
    names = list(dict.fromkeys(row.measure for row in published))
    reasons = list(dict.fromkeys(_list_reasons(run, row) for row in published))
    of_model: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in published:
        answer = "yes" if row.is_comparable and _list_reasons(run, row) == row.why else "no"
        key = (row.model, row.source, f"{answer} ({reasons.index(_list_reasons(run, row)) + 1})")
        of_model.setdefault(key, {})[row.measure] = f"{row.value:g} {row.unit}"
    rows = [["this run", *(format_value(own[name], own[name].value) if name in own else "" for name in names), "", ""]]
    rows += [
        [model, *(values.get(name, "") for name in names), source, answer]
        for (model, source, answer), values in of_model.items()
    ]  # fmt: skip
    table = format_table(("model", *names, "source", "comparable"), rows)
    notes = "".join(f"<p>({number}) {escape(reason)}</p>" for number, reason in enumerate(reasons, 1))
    return format_section("Published numbers", f"<div class='published'>{table}</div>", notes)


def _list_reasons(run: Run, row: Published) -> str:
    """Why a number may or may not be compared with this run: what the run lacks, and the set's."""
    reasons = []
    if run.signature.is_simulated:
        reasons.append("The files of this run are simulated.")
    if run.signature.split != row.split:
        reasons.append(f"The number is of the split '{row.split}', this run of '{run.signature.split}'.")
    if run.signature.num_missing:
        reasons.append(f"{run.signature.num_missing:,} files are not in this run.")
    return " ".join([*reasons, row.why])


def _format_examples(run: Run, open_shown: OpenShown, count: int) -> list[str]:
    examples = choose_examples(run, count)
    if examples is None:
        return []
    root = Path(run.root)
    return [
        format_section(heading, format_examples(items, examples.measure.of, root, open_shown))
        for heading, items in (("Worst items", examples.worst), ("Best items", examples.best))
        if items
    ]


def _format_left_out(run: Run) -> str:
    rows = [(failed.id, failed.reason) for failed in run.outcome.failed[:MAX_ROWS]]
    rows += [(name, "the file is missing") for name in run.missing[: MAX_ROWS - len(rows)]]
    total = len(run.outcome.failed) + len(run.missing)
    more = f"<p>The first {len(rows)} of {total}.</p>" if total > len(rows) else ""
    return format_section(f"Left out: {total} files", more, format_table(("item", "reason"), rows)) if rows else ""


def _format_signature(run: Run) -> str:
    weights = [(name, digest) for name, digest in sorted(run.signature.weights.items())]
    rows = [("command", run.command), ("folder", run.root), ("run", run.id)]
    return format_section(
        "Signature", f"<p class='signature'>{escape(run.signature.line())}</p>", format_table(("", ""), rows),
        format_table(("weights", "SHA-256, first 16 digits"), weights) if weights else "",
    )  # fmt: skip
