"""Images beside the same with their heat maps in colours, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mm.documents.parts import encode_jpeg
from mm.inspection.exports.drawing import draw_pair
from mm.inspection.exports.files import ExportedFile, OpenHeat, OpenImage, make_name
from mm.schemas import InspectionRecord


def export_overlays(records: Sequence[InspectionRecord], open_image: OpenImage, open_heat: OpenHeat) -> Iterator[ExportedFile]:
    """`overlay/NNNNN-NAME.jpg` for each record. Raises as the openers."""
    for number, record in enumerate(records):
        yield ExportedFile(f"overlay/{make_name(record, number)}.jpg", encode_jpeg(draw_pair(record, open_image, open_heat)))
