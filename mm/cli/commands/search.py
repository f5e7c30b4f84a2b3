"""`mm search`: a question, and the moments that answer it."""

from __future__ import annotations

import math
from pathlib import Path

import click

from mm.cli import options

KINDS = ("image", "video", "audio")
PARTS = ("text", "picture", "sound", "clip", "like", "without")
MOST = 4


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


def weights_of(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """The numbers of `PART=NUMBER`, by part."""
    found: dict[str, float] = {}
    for value in values:
        part, _, number = value.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if part not in PARTS or not 0 <= weight <= MOST:
            raise click.BadParameter(f"{value!r}: it must be one of {', '.join(PARTS)}, =, and a number from 0 to {MOST}.")
        found[part] = weight
    return found


@click.command()
@click.argument("text", required=False)
@click.option("--picture", type=options.FILE, help="A picture to ask with.")
@click.option("--sound", type=options.FILE, help="A sound to ask with: its words, and what else sounds.")
@click.option("--clip", type=options.FILE, help="A short video to ask with.")
@click.option("--like", callback=moment, metavar="ID@SECONDS", help="A moment of the library to find more of.")
@click.option("--also", multiple=True, metavar="WORDS", help="More words that a moment must fit, as often as wanted.")
@click.option("--without", multiple=True, metavar="WORDS", help="What must be neither seen nor said, as often as wanted.")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    callback=weights_of,
    metavar="PART=NUMBER",
    help="How much a part counts, from 0 to 4: text, picture, sound, clip, like or without. [default: 1]",
)
@click.option("-k", "--k", default=10, show_default=True, metavar="N", help="Most moments, likely and less likely together.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Any of these kinds.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="All of these tags.")
@click.option("--item", "items", multiple=True, metavar="ID", help="Any of these items.")
@click.option("--floor", type=click.FloatRange(0, 1), help="Least score of a moment; 0 shows the best, however bad.")
@click.option("--all", "everything", is_flag=True, help="List the less likely moments too; --floor does so as well.")
@click.option("--fold/--no-fold", default=True, show_default=True, help="Show moments of other items that look the same as one.")
@options.service
def command(
    text: str | None,
    picture: Path | None,
    sound: Path | None,
    clip: Path | None,
    like: tuple[str, float] | None,
    also: tuple[str, ...],
    without: tuple[str, ...],
    weights: dict[str, float],
    k: int,
    kinds: tuple[str, ...],
    tags: tuple[str, ...],
    items: tuple[str, ...],
    floor: float | None,
    everything: bool,
    fold: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Ask with TEXT, a picture, a sound, a clip, a moment of the library, or several at once.

    Likely moments are listed; of less likely ones only the number, unless --all. That nothing
    matches is an answer too.
    """
    if text is None and picture is None and sound is None and clip is None and like is None and not also:
        raise click.UsageError("Ask with words, --picture, --sound, --clip or --like.")
    from mm.cli.render import print_results
    from mm.embedded.connect import connect
    from mm.schemas import Filters, Like, Weights

    asked = None if like is None else Like(item=like[0], time=like[1])
    filters = Filters.model_validate({"kinds": kinds, "tags": tags, "items": items})
    with connect(url) as client:
        answer = client.search(
            text,
            picture=picture,
            sound=sound,
            clip=clip,
            like=asked,
            also=also,
            without=without,
            weights=Weights.model_validate(weights),
            k=k,
            filters=filters,
            floor=floor,
            fold=fold,
        )
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
    else:
        print_results(answer, everything=everything or floor is not None)
