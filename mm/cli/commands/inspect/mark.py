"""`mm inspect mark`: what a person says of an image, and teaching the inspector from it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.cli.inspection.marking import Marking
    from mm.cli.inspection.remote_marking import RemoteMarking
    from mm.inspection.marks.types import MarkVerdict


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
@options.remote
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
    url: str | None,
    as_json: bool,
) -> None:
    """Mark IMAGE of a RUN, or of the inspector NAME, as good (accept) or defective (reject).

    IMAGE is the name in the run, or a file; a frame of a video is IMAGE@SECONDS. --teach makes a
    new version: accepted false alarms join the bank, drawn defects train a segmentation head. It is
    used only if held-out groups improve, and `mm inspect use` puts an earlier version back.
    """
    from mm.cli.inspection.marking import Marking
    from mm.cli.inspection.remote_marking import RemoteMarking
    from mm.embedded.connect import connect
    from mm.errors import InvalidInput
    from mm.settings import load_settings

    if (image is None) is not (verdict is None):
        raise InvalidInput("A mark needs an image and a verdict: accept or reject.")
    if image is None and not (undo or lists or teaches):
        raise InvalidInput("Name an image and a verdict to mark it, or use --list, --undo or --teach.")
    with ExitStack() as stack:
        marking = Marking(target, load_settings()) if url is None else RemoteMarking(target, stack.enter_context(connect(url)))
        if image is not None and verdict is not None:
            _add(marking, image, verdict, polygons, kind, group, author, as_json=as_json)
        if undo is not None:
            _undo(marking, undo, author)
        if lists:
            _list(marking, as_json=as_json)
        if teaches:
            _teach(marking, as_json=as_json)


def _add(
    marking: Marking | RemoteMarking,
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


def _undo(marking: Marking | RemoteMarking, mark_id: str, author: str) -> None:
    from mm.embedded.terminal import clean

    verdict, image = marking.undo(mark_id, author)
    click.echo(f"The mark {mark_id} ({verdict}) of {clean(image)} is withdrawn.", err=True)


def _list(marking: Marking | RemoteMarking, *, as_json: bool) -> None:
    from mm.cli.render import print_rows
    from mm.embedded.terminal import clean

    marks = marking.list_marks()
    if as_json:
        click.echo(json.dumps([dict(mark.document) for mark in marks]))
        return
    rows = [
        (mark.id, mark.verdict, clean(mark.kind), mark.inspected, str(mark.num_outlines), clean(mark.image)) for mark in marks
    ]
    print_rows(("mark", "verdict", "kind", "inspected", "outlines", "image"), rows)


def _teach(marking: Marking | RemoteMarking, *, as_json: bool) -> None:
    from mm.cli.progress import open_progress

    with open_progress() as progress, progress.task(marking.inspector) as report:
        taught = marking.teach(report)
    if as_json:
        document = {
            "inspector": marking.inspector,
            "version": taught.version,
            "is_current": taught.is_current,
            "statement": taught.statement,
        }
        click.echo(json.dumps(document))
        return
    click.echo(taught.statement)
