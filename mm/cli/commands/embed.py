"""`mm embed`: vectors of texts and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--picture", "pictures", multiple=True, type=options.FILE, help="A picture; may be given several times.")
@click.option("--model", help="Space that must encode them; without it, the one that is served.")
@options.service
def command(texts: tuple[str, ...], pictures: tuple[Path, ...], model: str | None, url: str | None, as_json: bool) -> None:
    """Print the unit vectors of TEXTS, then those of the pictures: one line of JSON each, or the
    whole answer with --json."""
    if not texts and not pictures:
        raise click.UsageError("Give texts or --picture.")
    from mm.embedded.connect import connect

    with connect(url) as client:
        answer = client.embed([*texts, *pictures], model=model)
    if as_json:
        click.echo(answer.model_dump_json())
        return
    for row in answer.data:
        click.echo(json.dumps(row.embedding))
