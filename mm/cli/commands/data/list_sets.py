"""`mm data list`: the data sets of `datasets/`."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the data sets that `mm eval NAME` reads, with tasks, splits and licence."""
    from mm.data.sets.catalog import list_sets

    sets = list_sets(with_tasks=False)
    if as_json:
        rows = [
            {
                "name": found.name,
                "title": found.title,
                "tasks": found.tasks,
                "own_tasks": found.own_tasks,
                "splits": found.splits,
                "licence": found.licence,
            }
            for found in sets
        ]  # fmt: skip
        click.echo(json.dumps(rows))
        return
    click.echo("| set | tasks | splits | licence |\n| --- | --- | --- | --- |")
    for found in sets:
        tasks = [*(f"{task} (its own command)" for task in found.own_tasks), *found.tasks]
        splits = ", ".join(found.splits) or "those of its table"
        click.echo(f"| {found.name} | {', '.join(tasks)} | {splits} | {found.licence} |")
