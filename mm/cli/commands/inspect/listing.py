"""`mm inspect list`: inspectors with their versions, and runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.inspection.store import StoredInspector
    from mm.settings import Settings


@click.command()
@click.argument("name", required=False)
@click.option("--runs", is_flag=True, help="List the runs of `mm inspect run` instead, the newest first.")
@options.as_json
def command(name: str | None, runs: bool, as_json: bool) -> None:
    """List the inspectors, the versions of the inspector NAME, or the runs."""
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    settings = load_settings()
    if runs:
        _list_runs(settings, name, as_json=as_json)
        return
    store = InspectorStore(settings.root)
    if name is not None:
        _list_versions(store.get(name), settings, as_json=as_json)
        return
    stored = store.list_all()
    if as_json:
        rows = [{"name": entry.name, "versions": entry.versions, "current": entry.current} for entry in stored]
        click.echo(json.dumps(rows))
        return
    from mm.cli.render import print_rows

    print_rows(
        ("inspector", "current version", "versions"),
        [(entry.name, str(entry.current), ", ".join(map(str, entry.versions))) for entry in stored],
    )


def _list_versions(stored: StoredInspector, settings: Settings, *, as_json: bool) -> None:
    from mm.cli.inspector_choice import open_inspector
    from mm.cli.render import print_rows
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
    if as_json:
        click.echo(json.dumps(rows))
        return
    print_rows(("version", "", "threshold"), [_format_version(row) for row in rows])


def _format_version(row: dict[str, object]) -> tuple[str, str, str]:
    threshold = row["threshold"]
    text = threshold["statement"] if isinstance(threshold, dict) else row["error"]
    return str(row["version"]), "current" if row["is_current"] else "", str(text)


def _list_runs(settings: Settings, name: str | None, *, as_json: bool) -> None:
    from mm.cli.render import print_rows
    from mm.inspection.runs import list_runs

    infos = [info for info in list_runs(settings.root) if name in {None, info.inspector}]
    if as_json:
        click.echo(f"[{','.join(info.model_dump_json() for info in infos)}]")
        return
    print_rows(
        ("run", "inspector", "started", "images", ""),
        [
            (
                info.id,
                f"{info.inspector} {info.version}",
                f"{info.created:%Y-%m-%d %H:%M}",
                str(len(info.sources)),
                "" if info.is_complete else "interrupted",
            )
            for info in infos
        ],
    )
