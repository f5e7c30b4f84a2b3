"""Published numbers of a data set: `datasets/NAME/published.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from mm.data.sets.catalog import Described
from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Published:
    """A number that others report."""

    task: str
    model: str
    measure: str
    """Name of the measure as this project prints it, where it measures the same."""
    value: float
    split: str
    source: str
    is_comparable: bool
    """Whether a run on all files of this split measures the same."""
    why: str
    """Why it may or may not be compared with such a run, one sentence."""
    unit: str = "%"


def read_published(described: Described, task: str) -> list[Published]:
    """The published numbers of a task in the order of the file; none without a file.

    Raises `InvalidInput` for a file that cannot be read.
    """
    path = described.folder / "published.toml"
    if not path.is_file():
        return []
    try:
        rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["numbers"]
        published = [Published(**row) for row in rows]
        if any(not value for row in published for value in (row.task, row.model, row.measure, row.split, row.source, row.why)):
            raise TypeError("a field is empty")
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not a list of published numbers: {error!r}.") from error
    return [row for row in published if row.task == task]
