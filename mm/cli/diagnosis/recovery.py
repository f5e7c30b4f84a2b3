"""Print the result of a recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mm.schemas import Recovery


def print_recovery(result: Recovery) -> None:
    """Print what a recovery action did."""
    if result.aside is not None:
        click.echo(f"The previous catalog was renamed to {result.aside}; it is never deleted automatically.")
    match result.action:
        case "adopt":
            click.echo("The catalog and the folder are recorded as belonging together.")
        case "rebuild":
            click.echo(
                f"{result.items:,} items were added to the catalog. They can be searched after the service has processed them."
            )
            if result.reused:
                click.echo(f"{result.reused:,} of them are not encoded again, because their vectors are in the folder.")
        case "empty" | "collect":
            click.echo(f"{result.trashed:,} files were moved to the trash, where they stay for MM_TRASH_DAYS.")
        case "metadata":
            click.echo(f"The metadata of {result.items:,} items was read.")
        case "text":
            click.echo(f"Text is recognized again in {result.items:,} images, when the service runs and no job is waiting.")
    if result.skipped:
        click.echo(f"{result.skipped:,} files of unfinished uploads were not added.")
    if result.lost:
        click.echo(f"{result.lost:,} items of the catalog have no file. Restore the files from a backup, or delete the items.")
    for sha256, reason in sorted(result.refused.items()):
        click.echo(f"not {'read' if result.action == 'metadata' else 'added'}  {sha256}: {reason}", err=True)
