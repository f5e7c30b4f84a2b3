"""CSV: a row for each region, and one for each image without any."""

from __future__ import annotations

from collections.abc import Sequence

from mm.inspection.exports.files import write_csv
from mm.schemas import InspectionRecord, MeasuredValue, RegionRecord

COLUMNS = (
    "image", "start_s", "end_s", "verdict", "p_value", "score", "inspector", "version", "region", "kind", "region_score",
    "area_px", "length", "length_expanded", "width", "width_expanded", "area", "area_expanded", "unit", "k", "scale", "notes",
)  # fmt: skip


def export_table(records: Sequence[InspectionRecord]) -> bytes:
    """A UTF-8 file; regions are numbered from 1, and 0 stands for an image without any.

    `unit` is that of the lengths; areas are in its square. Expanded uncertainties are U = k u.
    """
    return write_csv(COLUMNS, [row for record in records for row in _list_rows(record)])


def _list_rows(record: InspectionRecord) -> list[list[object]]:
    start = [record.image, _number(record.start), _number(record.end), record.verdict, record.p_value, record.score]
    start += [record.inspector, record.version]
    if not record.regions:
        return [[*start, 0, *[""] * 11, record.scale or "", " ".join(record.notes)]]
    return [[*start, number, *_list_cells(region, record)] for number, region in enumerate(record.regions, 1)]


def _list_cells(region: RegionRecord, record: InspectionRecord) -> list[object]:
    sizes = region.measures
    values: list[MeasuredValue | None] = [None] * 3 if sizes is None else [sizes.length, sizes.width, sizes.area]
    cells = [cell for value in values for cell in (("", "") if value is None else (value.value, value.expanded))]
    unit, factor = ("", "") if sizes is None else (sizes.length.unit, sizes.length.k)
    notes = " ".join([*record.notes, *region.notes])
    return [region.kind or "", region.score, region.area_px, *cells, unit, factor, record.scale or "", notes]


def _number(seconds: float | None) -> object:
    return "" if seconds is None else seconds
