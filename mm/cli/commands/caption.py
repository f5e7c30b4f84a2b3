"""`mm caption`: a sentence about an image, or about each scene of a video."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options


@click.command()
@click.argument("target", metavar="FILE|ID")
@click.option("--srt", "as_srt", is_flag=True, help="Print the captions of a video as subtitles.")
@options.service
def command(target: str, as_srt: bool, url: str | None, as_json: bool) -> None:
    """Caption an image FILE, or the item ID of the library.

    The captions of an item are those that a worker has written; without, they are written now.
    """
    from mm.cli.captions import format_captions, format_srt
    from mm.embedded.connect import connect
    from mm.errors import NotFound

    path = Path(target)
    with connect(url) as client:
        try:
            response = client.caption(picture=path) if path.is_file() else client.caption(target)
        except NotFound as error:
            raise NotFound(f"There is no file and no item {target!r}.") from error
    if as_json:
        click.echo(response.model_dump_json(indent=2))
        return
    click.echo(format_srt(response.captions) if as_srt else format_captions(response.captions))
    for note in response.notes:
        click.echo(note, err=True)
