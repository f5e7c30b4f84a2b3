"""Reads tables: CSV with any usual delimiter, JSON lines, Parquet. Each row knows its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mm.data.folder.columns import canonical_column
from mm.data.parquet import read_rows
from mm.data.sets.problems import ProblemList
from mm.errors import InvalidInput

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MAX_FIELD = 1 << 20
"""Characters of a field of a CSV file; a longer one is a quotation mark that does not end."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row and where it is: `captions.csv, line 7`."""

    where: str
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read."""

    path: Path
    form: str
    """How it was read: `CSV with commas`."""
    columns: tuple[str, ...]
    """As the file writes them."""
    rows: tuple[Row, ...]


def read_table(path: Path, problems: ProblemList) -> Table:
    """Read a table by its suffix; lines that cannot be read are added to the problems."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path, problems)
    text = _decode(path, problems)
    if not text.strip():
        if not problems.has_errors:
            problems.error("empty table", path.name, "the file is empty.", _EXAMPLE)
        return Table(path, "empty", (), ())
    return _read_csv(path, text, problems) if suffix in (".csv", ".tsv") else _read_json_lines(path, text, problems)


_EXAMPLE = "`mm data example captions` prints a table that can be copied."


def _decode(path: Path, problems: ProblemList) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark as Excel writes it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.error("unreadable file", path.name, f"the file cannot be read: {error.strerror}.")
        return ""
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        remedy = f"Convert it: `iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8_{path.name}`."
        problems.error("wrong encoding", f"{path.name}, line {line}", f"byte 0x{data[error.start]:02x} is not UTF-8.", remedy)
        return ""


def _read_csv(path: Path, text: str, problems: ProblemList) -> Table:
    delimiter = find_delimiter(text)
    form = f"CSV with {DELIMITERS[delimiter]}"
    csv.field_size_limit(MAX_FIELD)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    start = 1
    try:
        for fields in lines:
            where, start = f"{path.name}, line {start}", lines.line_num + 1
            if not any(field.strip() for field in fields):
                continue
            if not columns:
                columns = tuple(field.strip() for field in fields)
                continue
            if len(fields) != len(columns):
                remedy = f"A value with {DELIMITERS[delimiter]} in it needs quotation marks around it."
                what = f"{len(fields)} values for {len(columns)} columns."
                problems.error("mixed columns", where, what, remedy)
                continue
            rows.append(Row(where, {name: field for name, field in zip(columns, fields, strict=True) if field.strip()}))
    except csv.Error as error:
        what = f"not CSV from here on: {error}."
        problems.error("not CSV", f"{path.name}, line {start}", what, "A quotation mark within a value is written twice.")
    return Table(path, form, columns, tuple(rows))


def find_delimiter(text: str) -> str:
    """The delimiter with which the first line has the most known columns; a comma if none has."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def count_known(delimiter: str) -> tuple[int, int]:
        fields = [field.strip().strip('"') for field in header.split(delimiter)]
        return sum(canonical_column(field) is not None for field in fields), len(fields)

    return max(DELIMITERS, key=count_known)


def _read_json_lines(path: Path, text: str, problems: ProblemList) -> Table:
    columns: dict[str, None] = {}
    rows: list[Row] = []
    if text.lstrip().startswith("["):
        remedy = f"Write one object on each line: `jq -c '.[]' {path.name} > lines_{path.name}`."
        problems.error("not JSON lines", f"{path.name}, line 1", "the file is a JSON array, not JSON lines.", remedy)
        return Table(path, "JSON lines", (), ())
    for where, line in _number_lines(path, text):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.error("not JSON", where, f"not JSON: {error}.")
            continue
        if not isinstance(values, dict):
            problems.error("not an object", where, 'expected an object such as {"file": "a.jpg", "captions": ["..."]}.')
            continue
        columns.update(dict.fromkeys(values))
        rows.append(Row(where, {name: value for name, value in values.items() if value not in (None, "", [])}))
    return Table(path, "JSON lines", tuple(columns), tuple(rows))


def _number_lines(path: Path, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):  # splitlines() also cuts at U+2028 inside of strings
        if line.strip():
            yield f"{path.name}, line {number}", line


def _read_parquet(path: Path, problems: ProblemList) -> Table:
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    try:
        for row in read_rows(path):
            columns = tuple(row.values)
            if any(isinstance(value, bytes) or (isinstance(value, dict) and "bytes" in value) for value in row.values.values()):
                remedy = "`mm eval flickr30k` and `flickr8k` read such files; of your own, save the images beside the table."
                problems.error("images in Parquet", path.name, "the images are inside the Parquet file.", remedy)
                break
            rows.append(Row(row.where, {name: value for name, value in row.values.items() if value not in (None, "", [])}))
    except InvalidInput as error:
        problems.error("not Parquet", path.name, str(error).replace(f"{path} ", "the file ", 1))
    if not rows and not problems.has_errors:
        problems.error("empty table", path.name, "the file has no rows.", _EXAMPLE)
    return Table(path, "Parquet", columns, tuple(rows))
