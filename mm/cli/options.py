"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels, both even, as video needs them."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if found := re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", str(value)):
            width, height = int(found[1]), int(found[2])
            if width % 2 == height % 2 == 0:
                return width, height
        self.fail(f"{value!r} is no size of a film; 1280x720 is one, and both sides are even.", param, ctx)


SIZE = _Size()

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API answers it.")


def service(command: F) -> F:
    """Options of a command that talks to the service: parameters `url` and `as_json`."""
    url = click.option("--url", metavar="URL", help="Address of a running service; without it, the one of MM_HOME.")
    return url(as_json(command))
