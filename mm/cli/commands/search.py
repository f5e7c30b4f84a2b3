"""`mm search`: search the library."""

from __future__ import annotations

import math
from pathlib import Path

import click

from mm.cli import options
from mm.cli.export_file import EXPORT, EXPORT_SUFFIXES

COMPONENTS = ("text", "picture", "sound", "clip", "like", "without")
MAX_WEIGHT = 4


def parse_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, float] | None:
    """Parse `ID@SECONDS`; without seconds, the start of the item."""
    if value is None:
        return None
    item, _, seconds = value.partition("@")
    try:
        time = float(seconds or 0)
    except ValueError:
        time = math.nan
    if not item or not 0 <= time < math.inf:
        raise click.BadParameter("write the id of an item, @ and seconds from its start, for example 88431cd9@12.5.")
    return item, time


def parse_weights(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """Parse `COMPONENT=NUMBER` options into weights by component."""
    weights: dict[str, float] = {}
    for value in values:
        component, _, number = value.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if component not in COMPONENTS or not 0 <= weight <= MAX_WEIGHT:
            raise click.BadParameter(f"{value!r}: write one of {', '.join(COMPONENTS)}, =, and a number from 0 to {MAX_WEIGHT}.")
        weights[component] = weight
    return weights


@click.command()
@click.argument("text", required=False)
@click.option("--picture", type=options.FILE, help="An image to search with.")
@click.option("--sound", type=options.FILE, help="Audio to search with: its speech and its other sounds.")
@click.option("--clip", type=options.FILE, help="A short video to search with.")
@click.option("--like", callback=parse_moment, metavar="ID@SECONDS", help="A position in the library; finds similar moments.")
@click.option("--also", multiple=True, metavar="WORDS", help="Further text that a hit must match; repeatable.")
@click.option(
    "--without", multiple=True, metavar="WORDS", help="Text that a hit must not match; repeatable. TEXT is then not parsed."
)
@click.option(
    "--parse/--no-parse",
    default=True,
    show_default=True,
    help="Read from TEXT what it excludes, as in 'dog not in water', and correct typing errors.",
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    callback=parse_weights,
    metavar="COMPONENT=NUMBER",
    help="Weight of a query component, 0 to 4: text, picture, sound, clip, like or without. [default: 1]",
)
@click.option("-k", "--k", default=10, show_default=True, metavar="N", help="Largest number of hits, likely and less likely.")
@options.filters
@click.option("--item", "items", multiple=True, metavar="ID", help="Only this item; repeatable.")
@options.album
@click.option("--floor", type=click.FloatRange(0, 1), help="Lowest score of a hit; 0 lists the best hits whatever their score.")
@click.option("--all", "everything", is_flag=True, help="List less likely hits too; --floor implies it.")
@click.option(
    "--export",
    "export",
    type=EXPORT,
    metavar="FILE",
    help="Write the hits to FILE instead: .csv, .json, or .html, a contact sheet. Existing files are not replaced.",
)
@click.option("--fold/--no-fold", default=True, show_default=True, help="Merge near-duplicates of several items into one hit.")
@options.service
def command(
    text: str | None,
    picture: Path | None,
    sound: Path | None,
    clip: Path | None,
    like: tuple[str, float] | None,
    also: tuple[str, ...],
    without: tuple[str, ...],
    parse: bool,
    weights: dict[str, float],
    k: int,
    filters: dict[str, object],
    items: tuple[str, ...],
    album: str | None,
    floor: float | None,
    everything: bool,
    export: Path | None,
    fold: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Search with TEXT, an image, audio, a clip, a position in the library, or several of them.

    Lists likely hits, and the number of less likely ones; --all lists these too, and so does a
    search without a likely hit. The exit code is 0 also when nothing matches.
    """
    if text is None and picture is None and sound is None and clip is None and like is None and not also:
        raise click.UsageError("Search with TEXT, --picture, --sound, --clip, --like or --also.")
    from mm.cli.albums import find_album
    from mm.cli.render import print_results
    from mm.embedded.connect import connect
    from mm.files import write_atomic
    from mm.schemas import Filters, Like, SearchRequest, Weights

    with connect(url) as client:
        request = SearchRequest(
            text=text,
            like=None if like is None else Like(item=like[0], time=like[1]),
            also=list(also),
            without=list(without),
            parse=parse,
            weights=Weights.model_validate(weights),
            k=k,
            filters=Filters.model_validate({**filters, "items": items, "album": find_album(client, album).id if album else None}),
            floor=floor,
            fold=fold,
        )
        if export is not None:
            export_format = EXPORT_SUFFIXES[export.suffix.lower()]
            write_atomic(export, client.export_hits(request, export_format, picture=picture, sound=sound, clip=clip))
            click.echo(f"hits written to {export}", err=True)
            return
        response = client.search(
            text,
            picture=picture,
            sound=sound,
            clip=clip,
            like=request.like,
            also=also,
            without=without,
            parse=parse,
            weights=request.weights,
            k=k,
            filters=request.filters,
            floor=floor,
            fold=fold,
        )
    if as_json:
        click.echo(response.model_dump_json(indent=2))
    else:
        print_results(response, everything=everything or floor is not None, is_parsed=not without)
