"""`mm inspect rm`: delete an inspector, or a run."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
@click.option("--run", "is_run", is_flag=True, help="NAME is the id of a run.")
@click.option("--yes", "confirmed", is_flag=True, help="Delete without a prompt.")
def command(name: str, is_run: bool, confirmed: bool) -> None:
    """Delete the inspector NAME with all versions, its marks and its list of good pictures.

    Pictures and runs stay. With --run, delete a run: its records and heat maps.
    """
    from mm.inspection.runs import open_run, remove_run
    from mm.inspection.store import InspectorStore
    from mm.settings import load_settings

    home = load_settings().root
    if is_run:
        open_run(home, name)
        if not confirmed:
            click.confirm(f"Delete the run {name} with its records and heat maps?", abort=True, err=True)
        remove_run(home, name)
        click.echo(f"The run {name} is deleted.", err=True)
        return
    stored = InspectorStore(home).get(name)
    if not confirmed:
        count = len(stored.versions)
        versions = "its version" if count == 1 else f"all {count} versions"
        click.confirm(f"Delete the inspector {name} with {versions} and its marks?", abort=True, err=True)
    InspectorStore(home).remove(name)
    click.echo(f"The inspector {name} is deleted.", err=True)
