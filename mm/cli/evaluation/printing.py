"""Print runs and comparisons as tables or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.evaluation.features.failures import describe_missing

if TYPE_CHECKING:
    from mm.evaluation.runs.types import Run, RunMeasure

NUM_FAILED = 5
"""Unreadable files that are named."""


def print_run(run: Run, *, as_json: bool, is_kept: bool = True) -> None:
    """The measures with their intervals, what was left out, and the signature."""
    if as_json:
        without_items = run.outcome.model_copy(update={"items": []})
        click.echo(run.model_copy(update={"outcome": without_items}).model_dump_json())
        return
    if run.signature.is_simulated:
        click.echo(f"The files of this set are simulated: these are no numbers of {run.signature.set_name}.\n")
    click.echo(f"{run.outcome.title}, {run.signature.set_name} {run.signature.split}, {run.signature.method}:\n")
    click.echo("| measure | value | 95 % interval |\n| --- | --- | --- |")
    for measure in run.outcome.measures:
        click.echo(f"| {measure.name} | {format_value(measure, measure.value)} | {format_interval(measure)} |")
    for breakdown in run.outcome.breakdowns:
        click.echo(f"\n| {breakdown.by} | items | {breakdown.rows[0].measure.name} | 95 % interval |\n| --- | --- | --- | --- |")
        for row in breakdown.rows:
            value = format_value(row.measure, row.measure.value)
            click.echo(f"| {row.stratum} | {row.num_items} | {value} | {format_interval(row.measure)} |")
    click.echo("")
    for note in run.outcome.notes:
        click.echo(note)
    if run.missing:
        click.echo(describe_missing(run.missing, NUM_FAILED))
    for failed in run.outcome.failed[:NUM_FAILED]:
        click.echo(f"left out: {failed.id}: {failed.reason}")
    if len(run.outcome.failed) > NUM_FAILED:
        click.echo(f"left out: {len(run.outcome.failed) - NUM_FAILED} more files that cannot be read")
    click.echo(run.signature.line())
    if is_kept:
        click.echo(f"run {run.id}, {run.seconds:.1f} s")


def format_value(measure: RunMeasure, value: float) -> str:
    """A share in percent with one digit, another number with four significant digits."""
    return f"{100 * value:.1f}" if measure.is_share else f"{value:.4g}"


def format_interval(measure: RunMeasure) -> str:
    """`12.3 to 14.5`."""
    return f"{format_value(measure, measure.low)} to {format_value(measure, measure.high)}"
