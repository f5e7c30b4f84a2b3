"""`mm search`: a question, and the moments that answer it."""

from __future__ import annotations

import math
from pathlib import Path

import click

from mm.cli import options

KINDS = ("image", "video", "audio")


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, float] | None:
    """The item's id and the seconds of `ID@SECONDS`; an id alone is its start."""
    if value is None:
        return None
    item, _, seconds = value.partition("@")
    try:
        time = float(seconds or 0)
    except ValueError:
        time = math.nan
    if not item or not 0 <= time < math.inf:
        raise click.BadParameter("it must be the id of an item, @, and seconds from its start, as in 88431cd9@12.5.")
    return item, time


@click.command()
@click.argument("text", required=False)
@click.option("--picture", type=options.FILE, help="A picture to ask with.")
@click.option("--sound", type=options.FILE, help="A sound to ask with; its words count.")
@click.option("--clip", type=options.FILE, help="A short video to ask with.")
@click.option("--like", callback=moment, metavar="ID@SECONDS", help="A moment of the library to find more of.")
@click.option("-k", "--k", default=10, show_default=True, metavar="N", help="Most moments to show.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Any of these kinds.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="All of these tags.")
@click.option("--item", "items", multiple=True, metavar="ID", help="Any of these items.")
@click.option("--floor", type=click.FloatRange(0, 1), help="Least score of a moment; 0 shows the best, however bad.")
@click.option("--fold/--no-fold", default=True, show_default=True, help="Show moments of other items that look the same as one.")
@options.service
def command(
    text: str | None,
    picture: Path | None,
    sound: Path | None,
    clip: Path | None,
    like: tuple[str, float] | None,
    k: int,
    kinds: tuple[str, ...],
    tags: tuple[str, ...],
    items: tuple[str, ...],
    floor: float | None,
    fold: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Ask with TEXT, a picture, a sound, a clip, a moment of the library, or several at once.

    That nothing matches is an answer too.
    """
    if text is None and picture is None and sound is None and clip is None and like is None:
        raise click.UsageError("Ask with words, --picture, --sound, --clip or --like.")
    from mm.cli.service import connect
    from mm.cli.show import show_answer
    from mm.schemas import Filters, Like

    asked = None if like is None else Like(item=like[0], time=like[1])
    filters = Filters.model_validate({"kinds": kinds, "tags": tags, "items": items})
    with connect(url) as client:
        answer = client.search(
            text, picture=picture, sound=sound, clip=clip, like=asked, k=k, filters=filters, floor=floor, fold=fold
        )
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
    else:
        show_answer(answer)
