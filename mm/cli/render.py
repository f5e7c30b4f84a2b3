"""Print results: tables on a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from mm.cli.format import (
    describe_item,
    format_camera,
    format_evidence,
    format_languages,
    format_match,
    format_place,
    format_place_name,
    format_score,
    format_span,
    format_taken,
    format_text_progress,
)
from mm.embedded.terminal import clean
from mm.runtimes.choice import Choice
from mm.schemas import Check, DayCount, Hit, Item, ModelInfo, SearchResponse

Row = Sequence[str]


def print_results(response: SearchResponse, *, everything: bool = True, is_parsed: bool = False) -> None:
    """Print the likely hits, best first, and the number of the less likely ones.

    The less likely ones are printed where none is likely, and by `everything`. `is_parsed` means
    that the exclusions of the response were read from the text.
    """
    if response.without and is_parsed:
        excluded = ", ".join(f'"{clean(text)}"' for text in response.without)
        wanted = f'"{clean(response.text)}"' if response.text else "everything"
        click.echo(f"searched for {wanted} without {excluded}; --no-parse searches for the whole text", err=True)
    if response.place:
        click.echo(f'only items taken in "{clean(response.place)}"; --no-parse searches for the whole text', err=True)
    if response.corrections:
        corrected = ", ".join(f'"{clean(to)}" instead of "{clean(word)}"' for word, to in response.corrections.items())
        click.echo(f"searched for {corrected}; --no-parse searches for the text as it is", err=True)
    if response.heard:
        click.echo(f'recognized speech: "{clean(response.heard)}"', err=True)
    if response.understood is not None:
        conditions = response.understood.model_dump(exclude_none=True)
        described = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in conditions.items())
        click.echo(f"understood as a filter of inspected parts: {clean(described)}", err=True)
    for note in response.notes:
        click.echo(f"note: {clean(note)}", err=True)
    if not response.hits:
        click.echo("Nothing matches.", err=True)
        return
    likely = [hit for hit in response.hits if hit.band == "likely"]
    if not likely:
        click.echo("No hit is likely; these are less likely:", err=True)
    shown = response.hits if everything or not likely else likely
    print_rows(("score", "item", "time", "evidence", "id", "band"), [_hit(hit) for hit in shown])
    if len(shown) < len(response.hits):
        click.echo(f"less likely ({len(response.hits) - len(shown)}): --all lists them", err=True)


def print_items(items: Sequence[Item]) -> None:
    """Print items, one per row; an empty time taken is unknown."""
    rows = [
        (
            format_taken(item.capture),
            f"{item.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            clean(item.name),
            describe_item(item),
            format_camera(item.capture),
            format_place_name(item.capture),
            item.status,
            item.id,
        )
        for item in items
    ]
    print_rows(("taken", "uploaded", "name", "file", "camera", "place", "status", "id"), rows)


def print_days(days: Sequence[DayCount]) -> None:
    """Print days with their number of items."""
    print_rows(("day", "items"), [(str(day.day), str(day.items)) for day in days])


def print_item(item: Item) -> None:
    """Print what is known about an item, one value per row."""
    capture = item.capture
    values = {
        "name": clean(item.name),
        "id": item.id,
        "file": f"{describe_item(item)}, {item.content_type}",
        "size": f"{item.width} x {item.height}" if item.width else "",
        "status": clean(f"{item.status}: {item.error}") if item.error else item.status,
        "tags": clean(" ".join(item.tags)),
        "favourite": "yes" if item.favourite else "",
        "uploaded": f"{item.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
        "taken": format_taken(capture),
        "camera": format_camera(capture),
        "lens": clean(capture.lens or "") if capture else "",
        "place": clean(capture.place or "") if capture else "",
        "coordinates": format_place(capture),
        "altitude": f"{capture.altitude:.0f} m" if capture and capture.altitude is not None else "",
        "speech": format_languages(item),
        "caption": clean(item.caption or ""),
        "text": format_text_progress(item),
        "notes": clean(" ".join(item.notes)),
    }
    print_rows(("", ""), [(name, value) for name, value in values.items() if value])


def print_models(models: Sequence[ModelInfo]) -> None:
    """Print the spaces and language models, one per line."""
    rows = [
        (m.id, m.kind, str(m.dim or ""), m.runtime, "; ".join(f"{name}: {what}" for name, what in m.towers.items()))
        for m in models
    ]
    print_rows(("model", "kind", "dimensions", "runs on", "towers"), rows)


def print_checks(checks: Sequence[Check]) -> None:
    """Print the checks; `!` marks one that must be fixed, `-` one that failed but is optional."""
    marks = [("ok" if check.ok else "!" if check.required else "-", check.name, check.detail) for check in checks]
    print_rows(("", "check", "result"), marks)


def print_trials(choice: Choice) -> None:
    """Print the runtimes that were compared, fastest first."""
    rows = [
        (
            trial.name,
            "" if trial.per_second is None else f"{trial.per_second:.0f}",
            "" if trial.cosine is None else f"{trial.cosine:.4f}",
            trial.refused or ("chosen" if trial.name == choice.runtime else ""),
        )
        for trial in choice.trials
    ]
    print_rows(("runtime", "images/s", "cosine", ""), rows)


def print_rows(head: Row, rows: Sequence[Row]) -> None:
    """Print a table on a terminal; elsewhere one line per row, without the header."""
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
        table.add_row(*map(Text, row))  # Text, because names may contain markup
    Console().print(table)


def _hit(hit: Hit) -> Row:
    near_duplicates = f" +{hit.duplicates} near-duplicates" if hit.duplicates else ""
    return (
        format_score(hit.score),
        clean(hit.item.name),
        format_span(hit.start, hit.end, hit.item.duration),
        (format_evidence(hit.evidence) if hit.inspection is None else format_match(hit.inspection)) + near_duplicates,
        hit.item.id,
        hit.band,
    )
