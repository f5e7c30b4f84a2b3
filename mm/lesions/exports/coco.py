"""COCO JSON (Lin et al. 2014, arXiv:1405.0312): one image for each frame with a region."""

from __future__ import annotations

import json

from mm.lesions.types import LesionAnalysis, Mark

CATEGORY = {"id": 1, "name": "candidate for review", "supercategory": "ultrasound"}


def export_coco(analysis: LesionAnalysis) -> bytes:
    """A UTF-8 file; coordinates are pixels of the whole frame, polygons their outer boundaries."""
    marks = analysis.list_marks()
    frames = sorted({mark.frame for mark in marks})
    images = [
        {
            "id": frame + 1,
            "file_name": analysis.name,
            "frame": frame,
            "seconds": round(analysis.seconds_of(frame) or 0.0, 4),
            "width": analysis.width,
            "height": analysis.height,
        }
        for frame in frames
    ]
    stored = {
        "info": {"description": analysis.notice, "network": analysis.network, "notes": list(analysis.notes)},
        "licenses": [],
        "categories": [CATEGORY],
        "images": images,
        "annotations": [_to_annotation(number, mark) for number, mark in enumerate(marks, 1)],
    }
    return json.dumps(stored, indent=1).encode()


def _to_annotation(number: int, mark: Mark) -> dict[str, object]:
    return {
        "id": number,
        "image_id": mark.frame + 1,
        "category_id": CATEGORY["id"],
        "iscrowd": 0,
        "bbox": list(mark.box),
        "area": mark.region.area_px,
        "segmentation": [[float(value) for value in mark.outline().ravel()]],
        "score": round(mark.region.confidence, 4),
        "view": mark.view_number,
        "candidate": mark.candidate.track_id,
        "candidate_confidence": round(mark.candidate.confidence, 4),
        "is_best_frame": mark.is_best,
        "area_mm2": None if mark.area_mm2 is None else round(mark.area_mm2, 3),
    }
