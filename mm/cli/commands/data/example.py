"""`mm data example`: tables that can be copied."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli.lazy import Failure

KINDS = ("captions", "labels", "moments", "masks")
"""Of tables; a test compares them with those of `mm.data.folder.examples`."""


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="New file; default: standard output.")
def command(kind: str, out: Path | None) -> None:
    """Print a table of a folder of your own that can be copied and filled in."""
    from mm.data.folder.examples import EXAMPLES
    from mm.files import open_new

    name, text = EXAMPLES[kind]
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with open_new(out) as file:
            file.write(text.encode())
    except FileExistsError:
        raise Failure(f"{out} exists already, and is not overwritten.") from None
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(f"{out} written; in a folder of your own it is usually named {name}.")
