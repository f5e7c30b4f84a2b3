"""Runs the analysis of lesions on one file, and writes its exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mm
from mm.errors import InvalidInput, Unavailable
from mm.files import write_atomic
from mm.lesions.analysis import analyse_dicom, analyse_images
from mm.lesions.exports.coco import export_coco
from mm.lesions.exports.dicom_segmentation import export_segmentations
from mm.lesions.exports.overlay import export_overlay
from mm.lesions.exports.structured_report import export_structured_report
from mm.lesions.exports.table import export_candidates, export_regions
from mm.lesions.segmentation.segmenter import LesionSegmenter
from mm.media import MediaReader
from mm.media.dicom import DicomReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.lesions.types import LesionAnalysis
    from mm.settings import Settings

WEIGHTS = Path(mm.__file__).parent / "weights" / "lesions" / "lesions.safetensors"
PREAMBLE, PREFIX = 128, b"DICM"


def analyse_file(path: Path, out: Path, weights: Path | None, settings: Settings) -> tuple[LesionAnalysis, list[Path]]:
    """Analyse a DICOM file or an image; return the result and the files that were written.

    Raises `Unavailable` without weights, `InvalidInput` for a video, and as the readers.
    """
    weights = weights or WEIGHTS
    if not weights.is_file():
        raise Unavailable(
            "This installation has no weights of the lesion network: `mm train lesions` makes them, --weights names them."
        )
    segmenter = LesionSegmenter.load(weights, settings.root / "cache" / "graphs", settings.runtime, settings.threads)
    analysis, exports = _analyse_dicom(path, segmenter) if is_dicom(path) else _analyse_image(path, segmenter, settings)
    out.mkdir(parents=True, exist_ok=True)
    texts = {"candidates.csv": export_candidates(analysis), "regions.csv": export_regions(analysis)}
    files = {"coco.json": export_coco(analysis), **texts, **exports}
    for name, data in files.items():
        write_atomic(out / name, data)
    return analysis, [out / name for name in files]


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do (PS3.10)."""
    with path.open("rb") as file:
        return file.read(PREAMBLE + len(PREFIX))[PREAMBLE:] == PREFIX


def _analyse_dicom(path: Path, segmenter: LesionSegmenter) -> tuple[LesionAnalysis, Mapping[str, bytes]]:
    with DicomReader() as reader:
        analysis = analyse_dicom(path, path.name, reader, segmenter)
        identity = reader.identity(path, path.name)
        best = sorted({mark.frame for mark in analysis.list_marks() if mark.is_best}) or [0]
        frames = zip(best, reader.frames(path, path.name, best), strict=True)
        exports = {f"frame-{frame:05d}.png": export_overlay(analysis, frame, image) for frame, image in frames}
    if (report := export_structured_report(analysis, identity)) is not None:
        exports["report.dcm"] = report
    for frame, data in export_segmentations(analysis, identity).items():
        exports[f"segmentation-{frame:05d}.dcm"] = data
    return analysis, exports


def _analyse_image(path: Path, segmenter: LesionSegmenter, settings: Settings) -> tuple[LesionAnalysis, Mapping[str, bytes]]:
    with MediaReader.from_settings(settings) as reader:
        if reader.probe(path, path.name).kind != "image":
            raise InvalidInput(f"{path.name} is neither an image nor a DICOM file.")
        image = reader.image(path, path.name)
    analysis = analyse_images(path.name, [image], segmenter)
    return analysis, {"frame-00000.png": export_overlay(analysis, 0, image)}
