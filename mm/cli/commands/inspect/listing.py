"""`mm inspect list`: inspectors with their versions, and runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mm.client import Client
    from mm.inspection.store import StoredInspector
    from mm.schemas import InspectionRun
    from mm.settings import Settings


@click.command()
@click.argument("name", required=False)
@click.option("--runs", is_flag=True, help="List the runs of `mm inspect run` instead, the newest first.")
@options.remote
@options.as_json
def command(name: str | None, runs: bool, url: str | None, as_json: bool) -> None:
    """List the inspectors, the versions of the inspector NAME, or the runs."""
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    if url is not None:
        from mm.embedded.connect import connect

        with connect(url) as client:
            _list_remotely(client, name, runs=runs, as_json=as_json)
        return
    settings = load_settings()
    if runs:
        _list_runs(settings, name, as_json=as_json)
        return
    store = InspectorStore(settings.root)
    if name is not None:
        _list_versions(store.get(name), settings, as_json=as_json)
        return
    _print_inspectors([(entry.name, entry.versions, entry.current) for entry in store.list_all()], as_json=as_json)


def _print_inspectors(rows: Sequence[tuple[str, Sequence[int], int | None]], *, as_json: bool) -> None:
    from mm.cli.render import print_rows

    if as_json:
        click.echo(json.dumps([{"name": name, "versions": versions, "current": current} for name, versions, current in rows]))
        return
    print_rows(
        ("inspector", "current version", "versions"),
        [(name, "" if current is None else str(current), ", ".join(map(str, versions))) for name, versions, current in rows],
    )


def _list_remotely(client: Client, name: str | None, *, runs: bool, as_json: bool) -> None:
    if runs:
        _list_inspections(client, name, as_json=as_json)
    elif name is not None:
        rows: list[dict[str, object]] = [
            {
                "version": version.version,
                "is_current": version.is_current,
                "threshold": None if version.threshold is None else version.threshold.model_dump(mode="json"),
                "error": None,
            }
            for version in client.inspectors.versions(name)
        ]
        _print_versions(rows, as_json=as_json)
    else:
        inspectors = client.inspectors.list()
        _print_inspectors(
            [(each.name, [version.version for version in each.versions], each.current) for each in inspectors], as_json=as_json
        )


def _list_inspections(client: Client, name: str | None, *, as_json: bool) -> None:
    inspections: list[InspectionRun] = []
    cursor: str | None = None
    while True:
        page = client.inspections.list(inspector=name, cursor=cursor)
        inspections += page.inspections
        if (cursor := page.next) is None:
            break
    if as_json:
        click.echo(f"[{','.join(run.model_dump_json() for run in inspections)}]")
        return
    _print_runs(
        [
            (run.id, run.inspector, run.version, run.created_at, run.num_items, "" if run.state == "done" else run.state)
            for run in inspections
        ]
    )


def _list_versions(stored: StoredInspector, settings: Settings, *, as_json: bool) -> None:
    from mm.cli.inspector_choice import open_inspector
    from mm.errors import MMError
    from mm.inspection.marks.observed import observe, read_marks
    from mm.inspection.records import describe

    rows, marks = [], read_marks(settings.root, stored.name)
    for version in stored.versions:
        row: dict[str, object] = {"version": version, "is_current": version == stored.current}
        try:
            threshold = describe(observe(open_inspector(stored.name, settings, version).threshold, marks, version))
            rows.append({**row, "threshold": threshold.model_dump(mode="json"), "error": None})
        except MMError as error:  # a version of other weights does not hide the others
            rows.append({**row, "threshold": None, "error": str(error)})
    _print_versions(rows, as_json=as_json)


def _print_versions(rows: Sequence[dict[str, object]], *, as_json: bool) -> None:
    from mm.cli.render import print_rows

    if as_json:
        click.echo(json.dumps(rows))
        return
    print_rows(("version", "", "threshold"), [_format_version(row) for row in rows])


def _format_version(row: dict[str, object]) -> tuple[str, str, str]:
    threshold = row["threshold"]
    text = threshold["statement"] if isinstance(threshold, dict) else row["error"]
    return str(row["version"]), "current" if row["is_current"] else "", str(text)


def _list_runs(settings: Settings, name: str | None, *, as_json: bool) -> None:
    from mm.inspection.runs import list_runs

    infos = [info for info in list_runs(settings.root) if name in {None, info.inspector}]
    if as_json:
        click.echo(f"[{','.join(info.model_dump_json() for info in infos)}]")
        return
    _print_runs(
        [
            (info.id, info.inspector, info.version, info.created, len(info.sources), "" if info.is_complete else "interrupted")
            for info in infos
        ]
    )


def _print_runs(runs: Sequence[tuple[str, str, int, datetime, int, str]]) -> None:
    """Id, inspector and its version, start, number of images, and what is not as it should be."""
    from mm.cli.render import print_rows

    print_rows(
        ("run", "inspector", "started", "images", ""),
        [
            (run, f"{name} {version}", f"{start:%Y-%m-%d %H:%M}", str(count), state)
            for run, name, version, start, count, state in runs
        ],
    )
