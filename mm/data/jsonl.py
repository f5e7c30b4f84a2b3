"""Reads JSON lines files: one JSON object a line, blank lines ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mm.errors import InvalidInput

MANIFEST = "manifest.jsonl"
"""The file in a data set's folder that lists its items."""

Row = dict[str, Any]


def read_jsonl(path: Path) -> list[Row]:
    """Return the objects of a file. Raises as `number_lines`."""
    return [row for _, row in number_lines(path)]


def number_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each object with the number of its line, from 1.

    Raises `InvalidInput` when the file cannot be read or a line is not a JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _parse(line, f"{path}, line {number}")


def read_manifest(folder: Path) -> list[Row]:
    """Return the rows of a folder's `manifest.jsonl`. Raises `InvalidInput` as `read_jsonl`."""
    return read_jsonl(folder / MANIFEST)


def _parse(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{where}: not JSON: {error}.") from error
    if not isinstance(row, dict):
        raise InvalidInput(f"{where}: expected a JSON object.")
    return row
