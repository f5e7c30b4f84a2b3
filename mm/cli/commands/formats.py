"""`mm formats`: which formats of images, video and audio are read, and by which library."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(as_json: bool) -> None:
    """List the formats that are read; the content of a file decides, not its name.

    A format whose decoder is not installed is marked. Other files are refused by an error that
    says what to do.
    """
    from mm.media.containers.file_types import FORMATS

    if as_json:
        for row in FORMATS:
            click.echo(json.dumps(asdict(row)))
        return
    names, suffixes = (max(len(getattr(row, column)) for row in FORMATS) for column in ("name", "suffixes"))
    for row in FORMATS:
        remark = "; ".join(
            filter(None, (row.remark, row.missing_package and f"not installed: pip install {row.missing_package}"))
        )
        click.echo(f"{row.name:{names}}  {row.suffixes:{suffixes}}  {row.decoder}{remark and f': {remark}'}")
