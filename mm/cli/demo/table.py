"""Print the results of the demo."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mm.cli.demo.queries import JudgedHit, Result
from mm.cli.format import format_evidence, format_score, format_span

PLAIN_WIDTH = 150  # columns without a terminal


def print_results(results: list[Result]) -> None:
    """Print one row per hit."""
    table = Table("query", "result", "time", "score", "evidence", "correct", box=box.SIMPLE_HEAD)
    for result in results:
        for number, row in enumerate(_rows(result)):
            table.add_row(Text(result.query.label() if number == 0 else ""), *map(Text, row[:-1]), _mark(row[-1]))
        table.add_section()
    console = Console()
    Console(width=console.width if console.is_terminal else PLAIN_WIDTH).print(table)


def _rows(result: Result) -> list[tuple[str, ...]]:
    rows = [_row(hit, result) for hit in result.hits]
    if not result.is_correct and result.targets:
        rows.append((f"missed: {result.describe_targets()}", "", "", "", "✗"))
    return rows or [("no likely hit", "", "", "", "✓")]


def _row(judged: JudgedHit, result: Result) -> tuple[str, ...]:
    hit = judged.hit
    mark = "✓" if judged.is_correct else "" if result.targets else "✗"
    return judged.medium, format_span(hit.start, hit.end), format_score(hit.score), format_evidence(hit.evidence), mark


def _mark(mark: str) -> Text:
    return Text(mark, style="green" if mark == "✓" else "bold red")
