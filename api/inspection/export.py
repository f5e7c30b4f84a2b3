"""Exports of inspections: a JSON or CSV file, or a zip file with one file for each image."""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.inspection.inspections import get_run
from indexes.catalog.records import ResultFilters
from mm.errors import Cancelled, MissingData, TooLarge
from mm.inspection.exports.formats import SINGLE_FILE, export
from mm.inspection.heat_maps import decode_heat_map

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from api.service import Service
    from indexes.catalog.records import ResultRow
    from mm.media.types import RGB
    from mm.numerics import Float32
    from mm.schemas import ExportFormat, InspectionRecord

MAX_RESULTS = 20_000
"""Results of one export; a filter by verdict makes several of a larger inspection."""
MEDIA_TYPES: dict[str, str] = {"coco": "application/json", "csv": "text/csv; charset=utf-8"}
ZIP = "application/zip"
PAGE = 500


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written: its path, its name and its type."""

    path: Path
    name: str
    media_type: str


def write_export(
    service: Service, filters: ResultFilters, export_format: ExportFormat, path: Path, cancelled: threading.Event
) -> Export:
    """Write an export of the results of an inspection to a file. Blocks.

    Files are named after the items; of several items with one name, with their ids. Raises
    `NotFound`, `TooLarge`, `MissingData`, `MediaError`, and `Cancelled` between two files once the
    event is set.
    """
    run = get_run(service, filters.run_id or "")
    rows = _read_rows(service, filters)
    names = Counter(name for _, name in {(row.item_id, row.item_name) for row in rows})
    records = [_name_record(row, is_unique=names[row.item_name] == 1) for row in rows]
    row_of = {_key(record): row for record, row in zip(records, rows, strict=True)}

    def open_image(record: InspectionRecord) -> RGB:
        row = row_of[_key(record)]
        blob = service.store.blobs.path(row.sha256)
        if row.item_kind == "image":
            return service.query_reader.image(blob, row.item_name)
        return service.query_reader.frame_at(blob, row.item_name, row.frame_time)

    def open_heat(record: InspectionRecord) -> Float32:
        row = row_of[_key(record)]
        if row.heat is None:
            raise MissingData(f"The result {row.id} has no heat map.")
        return decode_heat_map(service.store.heat_maps.read(row.heat))

    files = export(export_format, records, open_image, open_heat)
    stem = f"{run.inspector}-{run.id[:8]}"
    if export_format in SINGLE_FILE:
        file = next(files)
        path.write_bytes(file.data)
        return Export(path, f"{stem}-{file.name}", MEDIA_TYPES[export_format])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # PNG files are compressed already
        for file in files:
            if cancelled.is_set():
                raise Cancelled("The export was cancelled.")
            archive.writestr(file.name, file.data)
    return Export(path, f"{stem}-{export_format}.zip", ZIP)


def _read_rows(service: Service, filters: ResultFilters) -> list[ResultRow]:
    rows: list[ResultRow] = []
    cursor: str | None = None
    while True:
        page, total, cursor = service.store.catalog.list_results(filters, PAGE, cursor)
        if total > MAX_RESULTS:
            raise TooLarge(f"The export has {total:,} results; the maximum is {MAX_RESULTS:,}. Export one verdict at a time.")
        rows += page
        if cursor is None:
            return rows


def _name_record(row: ResultRow, *, is_unique: bool) -> InspectionRecord:
    name = row.item_name if is_unique else f"{row.item_id[:12]} {row.item_name}"
    return row.record.model_copy(update={"image": name})


def _key(record: InspectionRecord) -> tuple[str, float | None, float | None]:
    return record.image, record.start, record.end
