"""`mm eval runs`, `show`, `compare`, `report`, `rm`: runs that were kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mm.cli import options
from mm.errors import InvalidInput
from mm.files import write_atomic

if TYPE_CHECKING:
    from mm.client import Client
    from mm.evaluation.runs.store import RunStore
    from mm.schemas import Run, RunComparison

T = TypeVar("T")

RUNS_PER_PAGE = 500
WORSE = 3
"""Exit code of `--fail-worse` when a measure is significantly worse."""


@click.command("runs")
@click.argument("set_name", required=False)
@options.service
def runs(set_name: str | None, url: str | None, as_json: bool) -> None:
    """List the runs that were kept, the latest first; of one set with SET_NAME."""
    from mm.cli.evaluation.printing import format_value
    from mm.cli.render import print_rows

    found = _open_store().list_runs(set_name) if url is None else _ask(url, lambda client: _list_all(client, set_name))
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
@options.service
def show(run_id: str, url: str | None, as_json: bool) -> None:
    """Print a run that was kept."""
    from mm.cli.evaluation.printing import print_run

    if url is None:
        run = _open_store().get(run_id, with_items=False)
    else:
        run = _ask(url, lambda client: client.evaluations.get_run(run_id))
    print_run(run, as_json=as_json)


@click.command("compare")
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="OTHER_RUN")
@click.option("--items", "num_items", type=click.IntRange(0), default=5, show_default=True, help="Changed items that are listed.")
@click.option("--fail-worse", is_flag=True, help="Exit with 3 if a measure is significantly worse in OTHER_RUN.")
@options.service
def compare(first: str, second: str, num_items: int, fail_worse: bool, url: str | None, as_json: bool) -> None:
    """Compare two runs item by item: differences, OTHER_RUN minus RUN, with 95 % intervals."""
    from mm.evaluation.runs.compare import compare_runs
    from mm.evaluation.runs.comparison_record import describe_comparison

    if url is None:
        store = _open_store()
        compared = describe_comparison(compare_runs(store.get(first), store.get(second)))
    else:
        compared = _ask(url, lambda client: client.evaluations.compare(first, second))
    if as_json:
        click.echo(compared.model_dump_json())
    else:
        _print(compared, num_items)
    if fail_worse and any(row.is_worse for row in compared.differences):
        sys.exit(WORSE)


@click.command("report")
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: RUN.html.")
@click.option("--baseline", metavar="RUN", help="Another run that this one is compared with, item by item.")
@click.option(
    "--examples", "num_examples", type=click.IntRange(0, 200), default=12, show_default=True, help="Worst and best items shown."
)
@click.option("--url", metavar="URL", help="Address of a running service; default: the runs of MM_HOME.")
def report(run_id: str, output: Path | None, baseline: str | None, num_examples: int, url: str | None) -> None:
    """Write a run as one HTML file, which loads nothing from a network and can be printed."""
    from mm.evaluation.report.write import write_report
    from mm.media import MediaReader
    from mm.settings import load_settings

    if url is None:
        with MediaReader.from_settings(load_settings()) as reader:
            page = write_report(_open_store(), run_id, reader, baseline, num_examples).encode()
    else:
        page = _ask(url, lambda client: client.evaluations.report(run_id, baseline=baseline))
    path = output or Path(f"{run_id}.html")
    try:
        write_atomic(path, page)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
    click.echo(path)


@click.command("record")
@click.argument("run_id", metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def record(run_id: str, file: Path) -> None:
    """Write measures and signature of a kept run, without items, into FILE for a card to quote.

    Prints the rows of the card's table.
    """
    from mm.evaluation.runs.record import quote_run, record_run, write_record

    run = _open_store().get(run_id, with_items=False)
    try:
        write_record(run, file)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}.") from error
    click.echo("| measure | value | 95 % interval |\n| --- | --- | --- |")
    for row in quote_run(record_run(run)):
        click.echo(row)


@click.command("rm")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option("--url", metavar="URL", help="Address of a running service; default: the runs of MM_HOME.")
def remove(run_ids: tuple[str, ...], url: str | None) -> None:
    """Delete runs. The files of the set and encoded features stay."""
    for run_id in run_ids:
        if url is None:
            _open_store().remove(run_id)
        else:
            delete_remotely(url, run_id)
        click.echo(f"deleted {run_id}")


def _list_all(client: Client, set_name: str | None) -> list[Run]:
    """The runs of a service, page by page."""
    page = client.evaluations.runs(set_name, limit=RUNS_PER_PAGE)
    found = page.data
    while page.next is not None:
        page = client.evaluations.runs(set_name, limit=RUNS_PER_PAGE, cursor=page.next)
        found += page.data
    return found


def _open_store() -> RunStore:
    from mm.evaluation.runs.store import RunStore
    from mm.settings import load_settings

    return RunStore(load_settings().root)


def delete_remotely(url: str, run_id: str) -> None:
    """Delete a run of a service. Raises `NotFound`."""
    _ask(url, lambda client: client.evaluations.delete_run(run_id))


def _ask(url: str, call: Callable[[Client], T]) -> T:
    """The result of a call to a service."""
    from mm.embedded.connect import connect

    with connect(url) as client:
        return call(client)


def _print(compared: RunComparison, num_items: int) -> None:
    from mm.cli.evaluation.printing import format_value

    for note in compared.notes:
        click.echo(note)
    click.echo("\n| measure | first | second | difference | 95 % interval | p |\n| --- | --- | --- | --- | --- | --- |")
    for row in compared.differences:
        values = [format_value(row.measure, value) for value in (row.measure.value, row.second.value)]
        paired = ["", "not paired", ""]
        if row.difference is not None and row.low is not None and row.high is not None:
            low, high = format_value(row.measure, row.low), format_value(row.measure, row.high)
            paired = [format_value(row.measure, row.difference), f"{low} to {high}", f"{row.p_value:.3g}"]
        mark = " (worse)" if row.is_worse else ""
        click.echo(f"| {row.measure.name}{mark} | {' | '.join([*values, *paired])} |")
    for title, changes in (("worse", compared.worse), ("better", compared.better)):
        for change in changes[:num_items]:
            query = change.item.question or change.item.expected
            described = f"{change.key} {change.before:g} to {change.after:g}" + (f": {query}" if query else "")
            click.echo(f"{title}: {change.item.id}: {described}")
