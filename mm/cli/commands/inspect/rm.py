"""`mm inspect rm`: delete an inspector, or a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.client import Client


@click.command()
@click.argument("name")
@click.option("--run", "is_run", is_flag=True, help="NAME is the id of a run.")
@click.option("--yes", "confirmed", is_flag=True, help="Delete without a prompt.")
@options.remote
def command(name: str, is_run: bool, confirmed: bool, url: str | None) -> None:
    """Delete the inspector NAME with all versions, its marks and its list of good pictures.

    Pictures and runs stay. With --run, delete a run: its records and heat maps.
    """
    from mm.embedded.connect import connect

    if url is None:
        _remove_here(name, is_run=is_run, confirmed=confirmed)
    else:
        with connect(url) as client:
            _remove_remotely(client, name, is_run=is_run, confirmed=confirmed)
    click.echo(f"The {'run' if is_run else 'inspector'} {name} is deleted.", err=True)


def _remove_here(name: str, *, is_run: bool, confirmed: bool) -> None:
    from mm.inspection.runs import open_run, remove_run
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    home = load_settings().root
    if is_run:
        open_run(home, name)
        _confirm_run(name, confirmed=confirmed)
        remove_run(home, name)
        return
    _confirm_inspector(name, len(InspectorStore(home).get(name).versions), confirmed=confirmed)
    InspectorStore(home).remove(name)


def _remove_remotely(client: Client, name: str, *, is_run: bool, confirmed: bool) -> None:
    if is_run:
        client.inspections.get(name)
        _confirm_run(name, confirmed=confirmed)
        client.inspections.delete(name)
        return
    _confirm_inspector(name, len(client.inspectors.get(name).versions), confirmed=confirmed)
    client.inspectors.delete(name)


def _confirm_run(name: str, *, confirmed: bool) -> None:
    if not confirmed:
        click.confirm(f"Delete the run {name} with its records and heat maps?", abort=True, err=True)


def _confirm_inspector(name: str, count: int, *, confirmed: bool) -> None:
    if not confirmed:
        versions = "its version" if count == 1 else f"all {count} versions"
        click.confirm(f"Delete the inspector {name} with {versions} and its marks?", abort=True, err=True)
