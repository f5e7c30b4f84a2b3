"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API answers it.")


def service(command: F) -> F:
    """Options of a command that talks to the service: parameters `url` and `as_json`."""
    url = click.option("--url", metavar="URL", help="Address of a running service; without it, the one of MM_HOME.")
    return url(as_json(command))
