"""The formats of exports by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mm.errors import InvalidInput
from mm.inspection.exports.coco import export_coco
from mm.inspection.exports.files import ExportedFile, OpenHeat, OpenImage
from mm.inspection.exports.heat import export_heat_maps
from mm.inspection.exports.mvtec import export_mvtec
from mm.inspection.exports.overlay import export_overlays
from mm.inspection.exports.table import export_table
from mm.schemas import InspectionRecord

FORMATS = ("coco", "csv", "mvtec", "png16", "overlay")
SINGLE_FILE = frozenset({"coco", "csv"})
"""Formats of one file; the others have one or more for each image."""


def export(
    export_format: str, records: Sequence[InspectionRecord], open_image: OpenImage, open_heat: OpenHeat
) -> Iterator[ExportedFile]:
    """The files of an export, one after another; images are opened as they are needed.

    Raises `InvalidInput` for a format that is none of `FORMATS`, and as the openers.
    """
    match export_format:
        case "coco":
            yield ExportedFile("coco.json", export_coco(records))
        case "csv":
            yield ExportedFile("regions.csv", export_table(records))
        case "mvtec":
            yield from export_mvtec(records, open_image)
        case "png16":
            yield from export_heat_maps(records, open_heat)
        case "overlay":
            yield from export_overlays(records, open_image, open_heat)
        case _:
            raise InvalidInput(f"There is no export format {export_format!r}. Formats are: {', '.join(FORMATS)}.")
