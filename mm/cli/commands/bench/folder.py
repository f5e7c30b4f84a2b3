"""`mm bench folder`: which files of a folder can be read."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("folder", type=options.FOLDER)
def command(folder: Path) -> None:
    """Read each file of a folder as an upload is read, and list refusals and reasons."""
    from mm.bench.decoding.folder import main

    raise SystemExit(main(folder))
