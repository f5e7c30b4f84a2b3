"""`mm bench captions`: how fast photos are captioned."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.option("--photos", default=1000, show_default=True, type=click.IntRange(1), help="Number of queued photos.")
@click.option("--alone", default=50, show_default=True, type=click.IntRange(1), help="Number of photos captioned one at a time.")
@click.option(
    "--beam", "widths", type=click.IntRange(1, 16), multiple=True, default=(3, 1), show_default=True, help="1 is greedy."
)
@click.option("--weights", type=options.FILE, help="Trained weights of the language model; default: the shipped ones.")
def command(photos: int, alone: int, widths: tuple[int, ...], weights: Path | None) -> None:
    """Caption decoded photos, several at once compared with one at a time."""
    from mm.bench.language.captions import HEAD, measure
    from mm.errors import Unavailable
    from mm.models.language.checkpoint.file import SHIPPED
    from mm.settings import load_settings

    additions = weights or SHIPPED
    if not additions.is_file():
        raise Unavailable("The trained weights of the language model are not installed; name a file with --weights.")
    rows = measure(load_settings(), additions, photos, alone, widths)
    click.echo("\n".join([*HEAD, *(row.line() for row in rows)]))
