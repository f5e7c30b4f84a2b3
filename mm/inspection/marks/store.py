"""Marks of an inspector of a home folder: `MM_HOME/inspectors/NAME/marks.jsonl`.

The file is a log: a line says that a mark was made, or that one was undone. Nothing is deleted or
changed; the marks in force follow from reading the log from its start.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from mm.errors import Corrupt, InvalidInput, NotFound
from mm.inspection.marks.types import Mark
from mm.inspection.store import FOLDER, InspectorStore

FILE = "marks.jsonl"


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """A line of the log."""

    action: Literal["add", "undo"]
    mark_id: str
    mark: Mark | None
    """The mark that was made; None for one that was undone."""
    author: str
    at: str
    """When, as ISO 8601."""


class MarkStore:
    """The marks of the inspectors of a home folder. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def add(self, name: str, mark: Mark) -> str:
        """Store a mark and return its id.

        A mark in force is stored again only if another version of the inspector is judged. One
        without a time gets the present one. Raises `NotFound` without such an inspector.
        """
        with self._open(name) as file:
            earlier = _apply(_parse(file, self._path(name))).get(mark.mark_id)
            if earlier is None or mark.version not in (None, earlier.version):
                record: dict[str, object] = {"action": "add", "mark": mark.to_json() | {"at": mark.at or _now()}}
                _append(file, record)
        return mark.mark_id

    def undo(self, name: str, mark_id: str, author: str = "", at: str = "") -> Mark:
        """Withdraw a mark in force and return it: a record is added, none is deleted.

        Raises `NotFound` when no mark in force has this id.
        """
        with self._open(name) as file:
            marks = _apply(_parse(file, self._path(name)))
            if mark_id not in marks:
                raise NotFound(f"The inspector {name} has no mark {mark_id} in force.")
            _append(file, {"action": "undo", "id": mark_id, "author": author, "at": at or _now()})
        return marks[mark_id]

    def list_marks(self, name: str) -> list[Mark]:
        """The marks in force, the earliest first. Raises `NotFound`, `Corrupt`."""
        return list(_apply(self.read_history(name)).values())

    def read_history(self, name: str) -> list[MarkRecord]:
        """All records, the earliest first. Raises `NotFound`, `Corrupt`."""
        InspectorStore(self._home).get(name)
        try:
            with self._path(name).open("rb") as file:
                return _parse(file, self._path(name))
        except FileNotFoundError:
            return []

    def _path(self, name: str) -> Path:
        return self._home / FOLDER / name / FILE

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        """The log, open for reading and appending, locked against other processes."""
        InspectorStore(self._home).get(name)
        with self._path(name).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _append(file: BinaryIO, record: dict[str, object]) -> None:
    """Write a line and bring it to the disk.

    What follows the last line break is the beginning of a record whose writer was interrupted. It
    was never confirmed, and is replaced.
    """
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _parse(file: BinaryIO, path: Path) -> list[MarkRecord]:
    """The records of a log. Raises `Corrupt` for a whole line that is no record."""
    file.seek(0)
    *lines, _ = file.read().split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(_parse_record(json.loads(line)))
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"Line {number} of {path} is no record of a mark: {error}.") from error
    return records


def _parse_record(values: dict[str, object]) -> MarkRecord:
    if values["action"] == "undo":
        return MarkRecord("undo", str(values["id"]), None, str(values["author"]), str(values["at"]))
    if values["action"] != "add" or not isinstance(values["mark"], dict):
        raise TypeError("its action is neither add nor undo")
    mark = Mark.from_json(values["mark"])
    return MarkRecord("add", mark.mark_id, mark, mark.author, mark.at)


def _apply(records: list[MarkRecord]) -> dict[str, Mark]:
    """The marks in force by id, in the order in which they were made."""
    marks: dict[str, Mark] = {}
    for record in records:
        marks.pop(record.mark_id, None)
        if record.mark is not None:
            marks[record.mark_id] = record.mark
    return marks


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
