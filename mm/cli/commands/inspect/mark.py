"""`mm inspect mark`: what a person says of an image, and teaching the inspector from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.cli.inspection.marking import Marking
    from mm.inspection.marks.types import MarkVerdict
    from mm.settings import Settings


@click.command()
@click.argument("target", metavar="RUN|NAME")
@click.argument("image", required=False)
@click.argument("verdict", required=False, type=click.Choice(["accept", "reject"]))
@click.option("--polygon", "polygons", multiple=True, metavar="'X,Y X,Y X,Y'", help="Outline of the defect; repeatable.")
@click.option("--kind", help="Kind of the defect, for instance scratch.")
@click.option("--group", help="Part or batch of the image, where it was inspected more than once; default: the image.")
@click.option("--author", default="", help="Who marks it; stored with the mark.")
@click.option("--undo", metavar="ID", help="Withdraw the mark ID; nothing is deleted.")
@click.option("--list", "lists", is_flag=True, help="List the marks in force.")
@click.option("--teach", "teaches", is_flag=True, help="Teach the inspector from all marks in force.")
@options.as_json
def command(
    target: str,
    image: str | None,
    verdict: MarkVerdict | None,
    polygons: tuple[str, ...],
    kind: str | None,
    group: str | None,
    author: str,
    undo: str | None,
    lists: bool,
    teaches: bool,
    as_json: bool,
) -> None:
    """Mark IMAGE of a RUN, or of the inspector NAME, as good (accept) or defective (reject).

    IMAGE is the name in the run, or a file; a frame of a video is IMAGE@SECONDS. --teach makes a
    new version: accepted false alarms join the bank, drawn defects train a segmentation head. It is
    used only if held-out groups improve, and `mm inspect use` puts an earlier version back.
    """
    from mm.cli.inspection.marking import Marking
    from mm.errors import InvalidInput
    from mm.settings import load_settings

    if (image is None) is not (verdict is None):
        raise InvalidInput("A mark needs an image and a verdict: accept or reject.")
    if image is None and not (undo or lists or teaches):
        raise InvalidInput("Name an image and a verdict to mark it, or use --list, --undo or --teach.")
    settings = load_settings()
    marking = Marking(target, settings)
    if image is not None and verdict is not None:
        _add(marking, image, verdict, polygons, kind, group, author, as_json=as_json)
    if undo is not None:
        _undo(marking, undo, author, settings)
    if lists:
        _list(marking, settings, as_json=as_json)
    if teaches:
        _teach(marking, as_json=as_json)


def _add(
    marking: Marking,
    image: str,
    verdict: MarkVerdict,
    polygons: tuple[str, ...],
    kind: str | None,
    group: str | None,
    author: str,
    *,
    as_json: bool,
) -> None:
    from mm.cli.inspection.marking import parse_polygon

    mark_id = marking.add(image, verdict, [parse_polygon(polygon) for polygon in polygons], kind, group, author)
    click.echo(json.dumps({"id": mark_id, "inspector": marking.inspector}) if as_json else mark_id)


def _undo(marking: Marking, mark_id: str, author: str, settings: Settings) -> None:
    from mm.embedded.terminal import clean
    from mm.inspection.marks.store import MarkStore

    mark = MarkStore(settings.root).undo(marking.inspector, mark_id, author)
    click.echo(f"The mark {mark_id} ({mark.verdict}) of {clean(mark.image)} is withdrawn.", err=True)


def _list(marking: Marking, settings: Settings, *, as_json: bool) -> None:
    from mm.cli.render import print_rows
    from mm.embedded.terminal import clean
    from mm.inspection.marks.store import MarkStore

    marks = MarkStore(settings.root).list_marks(marking.inspector)
    if as_json:
        click.echo(json.dumps([{"id": mark.mark_id, **mark.to_json()} for mark in marks]))
        return
    rows = [
        (mark.mark_id, mark.verdict, clean(mark.kind or ""), mark.inspected or "", str(len(mark.polygons)), clean(mark.image))
        for mark in marks
    ]
    print_rows(("mark", "verdict", "kind", "inspected", "outlines", "image"), rows)


def _teach(marking: Marking, *, as_json: bool) -> None:
    from mm.cli.progress import open_progress

    with open_progress() as progress, progress.task(marking.inspector) as report:
        promotion = marking.teach(report)
    if as_json:
        document = {
            "inspector": marking.inspector,
            "version": promotion.inspector.version,
            "is_current": promotion.is_current,
            "statement": promotion.statement,
        }
        click.echo(json.dumps(document))
        return
    click.echo(promotion.statement)
