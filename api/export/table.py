"""Hits or entries of an album as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.export.rows import ExportRow

COLUMNS = (
    "rank", "band", "score", "item", "name", "kind", "start", "end", "best_start", "best_end", "tags", "favourite", "taken_at",
    "uploaded_at", "caption", "evidence",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that spreadsheets read as a formula."""


def write_csv(rows: Sequence[ExportRow]) -> bytes:
    """A row for each, in order. What only hits have is empty for the others."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for rank, row in enumerate(rows, 1):
        item, taken = row.item, row.item.capture.taken_at if row.item.capture is not None else None
        best = ("", "") if row.best is None else (f"{row.best[0]:.3f}", f"{row.best[1]:.3f}")
        values = (
            rank, row.band or "", "" if row.score is None else f"{row.score:.6f}", item.id, item.name, item.kind,
            f"{row.start:.3f}", f"{row.end:.3f}", *best, " ".join(item.tags), str(item.favourite).lower(),
            "" if taken is None else taken.isoformat(), item.created_at.isoformat(), row.caption, row.evidence,
        )  # fmt: skip
        writer.writerow([_escape_formula(str(value)) for value in values])
    return b"\xef\xbb\xbf" + text.getvalue().encode()  # with the mark by which spreadsheets detect UTF-8


def _escape_formula(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value
