"""`mm embed`: vectors of texts and images."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--picture", "images", multiple=True, type=options.FILE, help="An image; repeatable.")
@click.option("--model", help="Space that encodes them; default: the space of the service.")
@options.service
def command(texts: tuple[str, ...], images: tuple[Path, ...], model: str | None, url: str | None, as_json: bool) -> None:
    """Print the unit vectors of TEXTS, then of the images, one line of JSON each.

    With --json, print the whole response.
    """
    if not texts and not images:
        raise click.UsageError("Name texts or use --picture.")
    from mm.embedded.connect import connect

    with connect(url) as client:
        response = client.embed([*texts, *images], model=model)
    if as_json:
        click.echo(response.model_dump_json())
        return
    for row in response.data:
        click.echo(json.dumps(row.embedding))
