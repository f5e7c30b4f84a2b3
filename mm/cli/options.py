"""Options that several commands share."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("image", "video", "audio")
FILTER_FIELDS = (
    "kinds",
    "tags",
    "favourite",
    "taken_after",
    "taken_before",
    "camera",
    "has_place",
    "place",
    "language",
)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels, both even, as H.264 requires."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if match := re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", str(value)):
            width, height = int(match[1]), int(match[2])
            if width % 2 == height % 2 == 0:
                return width, height
        self.fail(f"{value!r} is not a video size; write WIDTHxHEIGHT with even numbers, as in 1280x720.", param, ctx)


SIZE = _Size()

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON in the form of the API.")


def remote(command: F) -> F:
    """Add `url` to a command that works in its process unless a service is named."""
    return click.option("--url", metavar="URL", help="Address of a service that does it; default: this process, on MM_HOME.")(
        command
    )


def service(command: F) -> F:
    """Add the options of a command that uses the service: parameters `url` and `as_json`."""
    url = click.option("--url", metavar="URL", help="Address of a running service; default is the service of MM_HOME.")
    return url(as_json(command))


def album(command: F) -> F:
    """Add the filter by album: parameter `album`, a name or an id."""
    return click.option("--album", metavar="ALBUM", help="Only what is in this album, given by name or id.")(command)


_FILTER_OPTIONS = (
    click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only items of this kind; repeatable."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only items with this tag; with several, all of them."),
    click.option("--favourite/--no-favourite", default=None, help="Only favourites, or only others."),
    click.option(
        "--taken-after", type=click.DateTime(), help="Only items taken at or after this time, on the clock at the place."
    ),
    click.option("--taken-before", type=click.DateTime(), help="Only items taken before this time."),
    click.option("--camera", metavar="TEXT", help="Only items taken with a camera whose make and model contain TEXT."),
    click.option("--has-place/--no-place", default=None, help="Only items whose place is known, or is not."),
    click.option("--place", metavar="TEXT", help="Only items taken at a place whose name has these words."),
    click.option("--language", metavar="CODE", help="Only items in which this language is spoken, such as de."),
)


def filters(command: F) -> F:
    """Add filters of items: parameter `filters`, fields of `mm.schemas.Filters` with values."""

    @functools.wraps(command)
    def call(*args: Any, **kwargs: Any) -> Any:
        return command(*args, filters={field: kwargs.pop(field) for field in FILTER_FIELDS}, **kwargs)

    for add_option in reversed(_FILTER_OPTIONS):
        call = add_option(call)
    return cast("F", call)
