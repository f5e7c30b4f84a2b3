"""Prints reports of the commands that evaluate inspection, and keeps them as runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mm.evaluation.inspection.sets import Reports
    from mm.metrics.report import Report

F = TypeVar("F", bound=Callable[..., Any])

KEEP, STARTED = "mm.eval.keep", "mm.eval.started"
"""Keys of the context of a command."""
NO_OPTIONS = frozenset(("root", "split", "as_json", "num_jobs", "name"))
"""Parameters that numbers do not depend on, or that the signature has elsewhere."""


def keeps_runs(command: F) -> F:
    """Add `--keep/--no-keep`, which `print_reports` reads."""

    def store(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta[KEEP], ctx.meta[STARTED] = value, datetime.now(UTC)

    option = click.option(
        "--keep/--no-keep", default=True, show_default=True, expose_value=False, callback=store,
        help="Keep the runs for `mm eval compare` and `report`.",
    )  # fmt: skip
    return option(command)


def print_reports(
    report: Report | Reports, as_json: bool, *, set_name: str, task: str, root: Path, split: str, weights: Sequence[Path] = ()
) -> None:
    """Print reports; with `--keep` add a run for each to the store, and name it on stderr."""
    click.echo(json.dumps(report.record()) if as_json else report.table())
    ctx = click.get_current_context()
    if not ctx.meta.get(KEEP):
        return
    from mm.evaluation.inspection.sets import Reports
    from mm.evaluation.runs.from_report import make_run
    from mm.evaluation.runs.signature import hash_weights
    from mm.evaluation.runs.store import RunStore
    from mm.settings import load_settings

    store, started = RunStore(load_settings().root), ctx.meta[STARTED]
    options = ",".join(f"{name}={_format(value)}" for name, value in sorted(ctx.params.items()) if name not in NO_OPTIONS)
    for one in report.reports if isinstance(report, Reports) else (report,):
        run = make_run(
            one, store.new_id(set_name, task), set_name=set_name, split=split, task=task, method=options or task,
            weights=hash_weights(weights), root=root, command=shlex.join(["mm", *sys.argv[1:]]),
            started=started.isoformat(timespec="seconds"), seconds=round((datetime.now(UTC) - started).total_seconds(), 3),
        )  # fmt: skip
        store.add(run)
        click.echo(f"run {run.id}", err=True)


def _format(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
