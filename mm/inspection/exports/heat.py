"""Heat maps of 16 bits with one step for all, so that their levels can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mm.inspection.exports.files import ExportedFile, OpenHeat, make_name, write_csv
from mm.inspection.heat_maps import LEVELS, encode_heat_map
from mm.schemas import InspectionRecord

COLUMNS = ("file", "image", "start_s", "verdict", "p_value", "score", "heat_per_level")


def export_heat_maps(records: Sequence[InspectionRecord], open_heat: OpenHeat) -> Iterator[ExportedFile]:
    """`heat/NNNNN-NAME.png` for each record, and `heat.csv`, which names the heat of one level.

    Level 65535 is the largest heat of all. Each map is opened twice, so that one at a time is in
    memory. Raises as `open_heat`.
    """
    highest = max((float(open_heat(record).max()) for record in records), default=0.0)
    rows: list[list[object]] = []
    for number, record in enumerate(records):
        name = f"heat/{make_name(record, number)}.png"
        start = "" if record.start is None else record.start
        rows.append([name, record.image, start, record.verdict, record.p_value, record.score, highest / LEVELS or 1.0])
        yield ExportedFile(name, encode_heat_map(open_heat(record), highest or None))
    yield ExportedFile("heat.csv", write_csv(COLUMNS, rows))
