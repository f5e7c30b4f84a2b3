"""`mm inspect use`: the version of an inspector that inspections use."""

from __future__ import annotations

import click

from mm.cli import options


@click.command()
@click.argument("name")
@click.argument("version", type=int)
@options.remote
def command(name: str, version: int, url: str | None) -> None:
    """Use VERSION of the inspector NAME from now on; an earlier one undoes a later one.

    No version is changed or deleted.
    """
    from mm.embedded.connect import connect
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    before: int | None
    if url is not None:
        with connect(url) as client:
            before = client.inspectors.get(name).current
            client.inspectors.make_current(name, version)
    else:
        store = InspectorStore(load_settings().root)
        before = store.get(name).current
        store.make_current(name, version)
    click.echo(f"The inspector {name} uses version {version} instead of {before}.", err=True)
