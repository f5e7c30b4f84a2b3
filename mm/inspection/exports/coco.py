"""COCO JSON (Lin et al. 2014, arXiv:1405.0312): images are records, annotations regions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mm.inspection.exports.files import ANOMALY
from mm.schemas import InspectionRecord, RegionRecord

MIN_CORNERS = 3
"""Readers of COCO files refuse polygons with fewer; such regions are run lengths."""


def export_coco(records: Sequence[InspectionRecord]) -> bytes:
    """A UTF-8 file. Polygons are outer boundaries; `rle` of each annotation is the exact mask."""
    kinds = sorted({region.kind or ANOMALY for record in records for region in record.regions} | {ANOMALY})
    numbers = {kind: number for number, kind in enumerate(kinds, 1)}
    annotations: list[dict[str, object]] = []
    for image_id, record in enumerate(records, 1):
        for region in record.regions:
            annotations.append(_describe_region(region, record, len(annotations) + 1, image_id, numbers))
    stored = {
        "info": {"description": _describe(records)},
        "licenses": [],
        "categories": [{"id": number, "name": kind, "supercategory": ANOMALY} for kind, number in numbers.items()],
        "images": [_describe_image(record, number) for number, record in enumerate(records, 1)],
        "annotations": annotations,
    }
    return json.dumps(stored, indent=1).encode()


def _describe(records: Sequence[InspectionRecord]) -> str:
    inspectors = sorted({f"{record.inspector} version {record.version}" for record in records})
    statements = dict.fromkeys(record.threshold.statement for record in records)
    return " ".join([f"Inspected by {', '.join(inspectors) or 'nothing'}.", *statements])


def _describe_image(record: InspectionRecord, number: int) -> dict[str, object]:
    return {
        "id": number,
        "file_name": record.image,
        "width": record.width,
        "height": record.height,
        "seconds": record.start,
        "verdict": record.verdict,
        "p_value": record.p_value,
        "score": record.score,
        "inspector": record.inspector,
        "version": record.version,
    }


def _describe_region(
    region: RegionRecord, record: InspectionRecord, number: int, image_id: int, numbers: dict[str, int]
) -> dict[str, object]:
    mask = {"size": [record.height, record.width], "counts": region.rle}
    pieces = [region.polygon, *region.further]
    columns, rows = zip(*(point for piece in pieces for point in piece), strict=True)
    polygons = [[coordinate for point in piece for coordinate in point] for piece in pieces]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": numbers[region.kind or ANOMALY],
        "iscrowd": 0,
        # The outline runs through the centres of pixels.
        "bbox": [min(columns), min(rows), max(columns) - min(columns) + 1, max(rows) - min(rows) + 1],
        "area": region.area_px,
        "segmentation": polygons if all(len(piece) >= MIN_CORNERS for piece in pieces) else mask,
        "rle": mask,
        "score": region.score,
        "measures": None if region.measures is None else region.measures.model_dump(mode="json"),
    }
