"""What `python -m indexes.recover` did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mm.schemas import Recovery


def show(result: Recovery) -> None:
    """The result in words."""
    if result.aside is not None:
        click.echo(f"The catalog that was in use is {result.aside}; nothing deletes it.")
    match result.action:
        case "adopt":
            click.echo("The catalog and the folder belong together from now on.")
        case "rebuild":
            click.echo(
                f"{result.items:,} items were added to the catalog; they can be searched once the service has processed them."
            )
            if result.reused:
                click.echo(f"Not encoded again, because their vectors are in the folder: {result.reused:,}.")
        case "empty" | "collect":
            click.echo(f"{result.trashed:,} files were moved to the trash, which MM_TRASH_DAYS empties.")
    if result.skipped:
        click.echo(f"{result.skipped:,} files are left over from uploads that never ended; they were not added.")
    if result.lost:
        click.echo(f"{result.lost:,} items of the catalog have no file: restore the files from a backup, or delete the items.")
    for sha256, reason in sorted(result.refused.items()):
        click.echo(f"not added  {sha256}: {reason}", err=True)
