"""Values and names that all exports share."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mm.media.types import RGB
from mm.numerics import Float32
from mm.schemas import InspectionRecord

OpenImage = Callable[[InspectionRecord], RGB]
"""Returns the image of a record, or its frame; raises an `MMError` when that is not possible."""
OpenHeat = Callable[[InspectionRecord], Float32]

ANOMALY = "anomaly"
"""Kind of a region whose kind was not determined."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that spreadsheets take for a formula."""
SLUG_LENGTH = 60


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export: its name, with folders separated by `/`, and its bytes."""

    name: str
    data: bytes


def make_slug(text: str) -> str:
    """A name for a file or folder: letters, digits, `.`, `_` and `-` only, and not hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")[:SLUG_LENGTH] or "part"


def make_name(record: InspectionRecord, number: int) -> str:
    """The name of a file of a record without suffix: its number and the name of its image."""
    return f"{number:05}-{make_slug(record.image.rsplit('/', 1)[-1].rsplit('.', 1)[0])}"


def shorten_names(records: Sequence[InspectionRecord]) -> dict[str, str]:
    """For each `image` its path from the deepest folder that all of them are in.

    A report or table that is handed on then names no folders of the machine.
    """
    images = list(dict.fromkeys(record.image for record in records))
    try:
        common = os.path.commonpath([PurePath(image).parent for image in images])
    except ValueError:  # none, or absolute paths beside relative ones
        return {image: image for image in images}
    return {image: str(PurePath(image).relative_to(common)) for image in images}


def find_main_kind(record: InspectionRecord) -> str:
    """Kind of the region with the highest score; `anomaly` if none was determined."""
    return next((region.kind for region in record.regions if region.kind), ANOMALY)


def write_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """A CSV file (RFC 4180, UTF-8); text that a spreadsheet takes for a formula begins with '."""
    file = io.StringIO()
    csv.writer(file).writerows([columns, *([_quote(cell) for cell in row] for row in rows)])
    return file.getvalue().encode()


def _quote(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
