"""What the commands of `mm bench` share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from typing import Any, ClassVar

catalog = click.option(
    "--catalog",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="Database of the catalog.",
)


class Table(Protocol):
    """A report that prints itself as lines."""

    def lines(self) -> Iterable[str]: ...


class Report(Table, Protocol):
    """A report that is a dataclass, which is also its JSON."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def print_report(report: Report, as_json: bool) -> None:
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else "\n".join(report.lines()))


def exit_with(report: Table, *, passed: bool) -> None:
    """Print the report and end the program: exit code 0 if the bench passed, else 1."""
    click.echo("\n".join(report.lines()))
    raise SystemExit(0 if passed else 1)
