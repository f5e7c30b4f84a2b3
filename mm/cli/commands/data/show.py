"""`mm data show`: the card of a data set."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Show the card of a data set, and how to get it."""
    from mm.data.sets.catalog import describe_set

    found = describe_set(name)
    card = found.folder / "CARD.md"
    click.echo(card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {found.title}")
    click.echo(f"\nTasks: {', '.join(found.tasks) or 'none'}. Splits: {', '.join(found.splits) or 'those of its table'}.")
    click.echo(f"Licence: {found.licence}.\nSource: {found.source}.")
    if found.get:
        click.echo(f"How to get it: {found.get}")
