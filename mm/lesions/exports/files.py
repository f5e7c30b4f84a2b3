"""All exports of an analysis as files of one folder."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mm.files import write_atomic
from mm.lesions.exports.coco import export_coco
from mm.lesions.exports.names import TRACKS
from mm.lesions.exports.overlay import export_overlay
from mm.lesions.exports.table import export_candidates, export_regions
from mm.lesions.exports.track_video import export_track_video

if TYPE_CHECKING:
    from mm.lesions.clips.clip import Clip
    from mm.lesions.types import LesionAnalysis


def write_exports(analysis: LesionAnalysis, clip: Clip, folder: Path) -> list[Path]:
    """Write every export into a folder and return the paths.

    COCO JSON, CSV, a PNG image of each best frame; of a clip the video with tracks; of a DICOM file
    also SR and SEG. Raises as the methods of `Clip`, and `InvalidInput` for a DICOM file without
    the identifiers that its exports must repeat.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {
        "coco.json": export_coco(analysis),
        "candidates.csv": export_candidates(analysis),
        "regions.csv": export_regions(analysis),
    }
    best = sorted({mark.frame for mark in analysis.list_marks() if mark.is_best}) or [0]
    for frame, image in zip(best, clip.choose(best), strict=True):
        files[f"frame-{frame:05d}.png"] = export_overlay(analysis, frame, image)
    identity = clip.identity()
    if identity is not None:
        from mm.lesions.exports.dicom_segmentation import export_segmentations
        from mm.lesions.exports.structured_report import export_structured_report

        if (report := export_structured_report(analysis, identity)) is not None:
            files["report.dcm"] = report
        for frame, data in export_segmentations(analysis, identity).items():
            files[f"segmentation-{frame:05d}.dcm"] = data
    for name, data in files.items():
        write_atomic(folder / name, data)
    names = list(files)
    if analysis.num_frames > 1:
        with closing(clip.frames()) as frames:  # type: ignore[type-var]
            export_track_video(analysis, (image for _, image in frames), folder / TRACKS)
        names.append(TRACKS)
    return [folder / name for name in names]
