"""`mm inspect use`: the version of an inspector that inspections use."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
@click.argument("version", type=int)
def command(name: str, version: int) -> None:
    """Use VERSION of the inspector NAME from now on; an earlier one undoes a later one.

    No version is changed or deleted.
    """
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    store = InspectorStore(load_settings().root)
    before = store.get(name).current
    store.make_current(name, version)
    click.echo(f"The inspector {name} uses version {version} instead of {before}.", err=True)
