"""`mm eval runs`, `show`, `compare`, `report`, `rm`: runs that were kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.evaluation.runs.compare import ChangedItem, Comparison
    from mm.evaluation.runs.store import RunStore

WORSE = 3
"""Exit code of `--fail-worse` when a measure is significantly worse."""


@click.command("runs")
@click.argument("set_name", required=False)
@options.as_json
def runs(set_name: str | None, as_json: bool) -> None:
    """List the runs that were kept, the latest first; of one set with SET_NAME."""
    from mm.cli.evaluation.printing import format_value
    from mm.cli.render import print_rows

    found = _open_store().list_runs(set_name)
    if as_json:
        click.echo(json.dumps([run.model_dump() for run in found]))
        return
    rows = []
    for run in found:
        first = run.outcome.measures[0] if run.outcome.measures else None
        value = f"{first.name} {format_value(first, first.value)}" if first else ""
        rows.append((run.id, run.started[:16], run.signature.split, run.signature.method, value))
    print_rows(("run", "started (UTC)", "split", "method", "first measure"), rows)


@click.command("show")
@click.argument("run_id", metavar="RUN")
@options.as_json
def show(run_id: str, as_json: bool) -> None:
    """Print a run that was kept."""
    from mm.cli.evaluation.printing import print_run

    print_run(_open_store().get(run_id, with_items=False), as_json=as_json)


@click.command("compare")
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="OTHER_RUN")
@click.option("--items", "num_items", type=click.IntRange(0), default=5, show_default=True, help="Changed items that are listed.")
@click.option("--fail-worse", is_flag=True, help="Exit with 3 if a measure is significantly worse in OTHER_RUN.")
@options.as_json
def compare(first: str, second: str, num_items: int, fail_worse: bool, as_json: bool) -> None:
    """Compare two runs item by item: differences, OTHER_RUN minus RUN, with 95 % intervals."""
    from mm.evaluation.runs.compare import compare_runs, list_worse

    store = _open_store()
    comparison = compare_runs(store.get(first), store.get(second), num_items)
    if as_json:
        click.echo(json.dumps(_record(comparison)))
    else:
        _print(comparison)
    worse = list_worse(comparison)
    for sentence in worse:
        click.echo(sentence, err=True)
    if worse and fail_worse:
        sys.exit(WORSE)


@click.command("report")
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: RUN.html.")
@click.option("--baseline", metavar="RUN", help="Another run that this one is compared with, item by item.")
@click.option(
    "--examples", "num_examples", type=click.IntRange(0, 200), default=12, show_default=True, help="Worst and best items shown."
)
def report(run_id: str, output: Path | None, baseline: str | None, num_examples: int) -> None:
    """Write a run as one HTML file, which loads nothing from a network and can be printed."""
    from mm.cli.evaluation.reporting import write_report

    written = write_report(_open_store(), run_id, output or Path(f"{run_id}.html"), baseline, num_examples)
    click.echo(written)


@click.command("rm")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
def remove(run_ids: tuple[str, ...]) -> None:
    """Delete runs. The files of the set and encoded features stay."""
    store = _open_store()
    for run_id in run_ids:
        store.remove(run_id)
        click.echo(f"deleted {run_id}")


def _open_store() -> RunStore:
    from mm.evaluation.runs.store import RunStore
    from mm.settings import load_settings

    return RunStore(load_settings().root)


def _print(comparison: Comparison) -> None:
    from mm.cli.evaluation.printing import format_value

    for note in comparison.notes:
        click.echo(note)
    click.echo("\n| measure | first | second | difference | 95 % interval | p |\n| --- | --- | --- | --- | --- | --- |")
    for row in comparison.differences:
        values = [format_value(row.measure, value) for value in (row.measure.value, row.second.value)]
        if row.difference is None or row.p_value is None:
            paired = ["", "not paired", ""]
        else:
            low, high = (format_value(row.measure, end) for end in (row.difference.low, row.difference.high))
            paired = [format_value(row.measure, row.difference.value), f"{low} to {high}", f"{row.p_value:.3g}"]
        click.echo(f"| {row.measure.name} | {' | '.join([*values, *paired])} |")
    for title, items in (("worse", comparison.worse), ("better", comparison.better)):
        for item in items:
            click.echo(f"{title}: {item.second.id}: {_describe(item)}")


def _describe(item: ChangedItem) -> str:
    query = item.second.question or item.second.expected
    return f"{item.key} {item.first.values[item.key]:g} to {item.second.values[item.key]:g}" + (f": {query}" if query else "")


def _record(comparison: Comparison) -> dict[str, object]:
    """The comparison as JSON."""
    return {
        "first": comparison.first.id,
        "second": comparison.second.id,
        "notes": list(comparison.notes),
        "differences": [
            {
                "name": row.measure.name,
                "first": row.measure.value,
                "second": row.second.value,
                "difference": row.difference.value if row.difference else None,
                "low": row.difference.low if row.difference else None,
                "high": row.difference.high if row.difference else None,
                "p_value": row.p_value,
                "num_items": row.num_items,
            }
            for row in comparison.differences
        ],
        "worse": [{"id": item.second.id, "key": item.key, "change": item.change} for item in comparison.worse],
        "better": [{"id": item.second.id, "key": item.key, "change": item.change} for item in comparison.better],
    }
