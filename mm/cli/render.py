"""Answers for people: tables on a terminal, plain lines with tabs elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from mm.cli.format import format_evidence, format_score, format_span
from mm.embedded.terminal import clean
from mm.runtimes.choice import Choice
from mm.schemas import Check, Hit, ModelInfo, SearchResponse

Row = Sequence[str]


def print_results(answer: SearchResponse, *, everything: bool = True) -> None:
    """The likely moments, best first, then the less likely ones, or only how many these are unless
    `everything`."""
    if answer.heard:
        click.echo(f'heard: "{clean(answer.heard)}"', err=True)
    for note in answer.notes:
        click.echo(f"note: {clean(note)}", err=True)
    if not answer.hits:
        click.echo("Nothing matches.", err=True)
        return
    likely, possible = ([hit for hit in answer.hits if hit.band == band] for band in ("likely", "possible"))
    if not likely:
        click.echo("Nothing is likely.", err=True)
    shown = answer.hits if everything else likely
    if shown:
        print_rows(("score", "item", "when", "why", "id", "band"), [_hit(hit) for hit in shown])
    if possible and not everything:
        click.echo(f"less likely ({len(possible)}): --all lists them", err=True)


def print_models(models: Sequence[ModelInfo]) -> None:
    """The spaces, one line each."""
    rows = [(m.id, str(m.dim), m.runtime, "; ".join(f"{name}: {what}" for name, what in m.towers.items())) for m in models]
    print_rows(("space", "length", "runs on", "towers"), rows)


def print_checks(checks: Sequence[Check]) -> None:
    """What was looked at; `!` marks what must be mended."""
    marks = [("ok" if check.ok else "!" if check.required else "-", check.name, check.detail) for check in checks]
    print_rows(("", "what", "found"), marks)


def print_trials(choice: Choice) -> None:
    """The runtimes that were compared, the fastest first."""
    rows = [
        (
            trial.name,
            "" if trial.per_second is None else f"{trial.per_second:.0f}",
            "" if trial.cosine is None else f"{trial.cosine:.4f}",
            trial.refused or ("chosen" if trial.name == choice.runtime else ""),
        )
        for trial in choice.trials
    ]
    print_rows(("runtime", "pictures a second", "cosine", ""), rows)


def print_rows(head: Row, rows: Sequence[Row]) -> None:
    """A table on a terminal; elsewhere one line a row, without the head."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(Text, row))  # not markup: names come from anywhere
    Console().print(table)


def _hit(hit: Hit) -> Row:
    why = format_evidence(hit.evidence) + (f" +{hit.duplicates} alike" if hit.duplicates else "")
    return (
        format_score(hit.score),
        clean(hit.item.name),
        format_span(hit.start, hit.end, hit.item.duration),
        why,
        hit.item.id,
        "likely" if hit.band == "likely" else "less likely",
    )
