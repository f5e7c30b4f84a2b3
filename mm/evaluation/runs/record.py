"""Runs that a card quotes: measures and signature without items, in a file beside the card.

A card quotes a recorded run by a link to its file, followed by a table of its measures; `quote_run`
prints the rows. Shipped weights that differ from those of the run make the card wrong.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from mm.data.sets.catalog import describe_set
from mm.errors import Corrupt, NotFound
from mm.evaluation.runs.types import Run, RunMeasure, Signature
from mm.files import write_atomic
from mm.schemas.base import Model

_LINK = re.compile(r"\[[^\]]*\]\((?P<path>[^)]+\.json)\)")
_ROW = re.compile(r"^\|.*\|$", re.M)


class RecordedRun(Model):
    """A run without its items, its folder and the time that it took."""

    command: str
    """The task and the options that matter; paths are left out."""
    title: str
    signature: Signature
    measures: list[RunMeasure]


def record_run(run: Run) -> RecordedRun:
    """What is recorded of a run."""
    return RecordedRun(
        command=_describe_command(run), title=run.outcome.title, signature=run.signature, measures=run.outcome.measures
    )


def _describe_command(run: Run) -> str:
    """Of a task with a command of its own, that command with FOLDER in place of the folder."""
    try:
        is_own = run.signature.task not in describe_set(run.signature.set_name).tasks
    except NotFound:
        is_own = True
    if is_own:
        words = shlex.split(run.command)
        return shlex.join("FOLDER" if before == "--root" else word for before, word in pairwise(["", *words]))
    options = run.signature.method.partition(",")[2]
    parts = ["mm eval", run.signature.set_name, "--root FOLDER", f"--split {run.signature.split}", f"--task {run.signature.task}"]
    return " ".join([*parts, *(f"--option {option}" for option in options.split(",") if option)])


def write_record(run: Run, path: Path) -> None:
    """Write the record of a run as JSON. Raises `OSError`."""
    write_atomic(path, record_run(run).model_dump_json(indent=1).encode() + b"\n")


def read_record(path: Path) -> RecordedRun:
    """Raises `FileNotFoundError`, and `Corrupt` for another file."""
    try:
        return RecordedRun.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Corrupt(f"{path} is not a recorded run: {error.errors()[0]['msg']}.") from error


def quote_run(record: RecordedRun) -> list[str]:
    """The rows of a card's table: name, value and interval as `mm eval` prints them."""
    return [f"| {each.name} | {_format(each, each.value)} | {_format(each, each.low)} to {_format(each, each.high)} |"
            for each in record.measures]  # fmt: skip


def find_quotes(card: str) -> dict[str, list[str]]:
    """Rows of the first table after each link to a JSON file, by the path in the link."""
    quotes = {}
    for link in _LINK.finditer(card):
        rest = card[link.end() :]
        start = rest.find("\n|")
        table = rest[start + 1 :].split("\n\n", 1)[0] if start >= 0 else ""
        quotes[link["path"]] = _ROW.findall(table)[2:]  # without the heading and its line
    return quotes


def _format(measure: RunMeasure, value: float) -> str:
    return f"{100 * value:.1f}" if measure.is_share else f"{value:.4g}"
