"""Runs the analysis of lesions on one file, and writes its exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mm.lesions.analysis import analyse_clip
from mm.lesions.clips.open import open_clip
from mm.lesions.exports.files import write_exports
from mm.lesions.segmentation.shipped import open_segmenter

if TYPE_CHECKING:
    from mm.lesions.analysis import OnFrames
    from mm.lesions.types import LesionAnalysis
    from mm.settings import Settings


def analyse_file(
    path: Path, out: Path, weights: Path | None, settings: Settings, max_fps: float, on_frames: OnFrames
) -> tuple[LesionAnalysis, list[Path]]:
    """Analyse a DICOM file, an image or a video; return the result and the files in `out`.

    Raises `Unavailable` without weights, and as `open_clip`, `analyse_clip` and `write_exports`.
    """
    segmenter = open_segmenter(settings, weights)
    with open_clip(path, path.name, settings, max_fps) as clip:
        analysis = analyse_clip(clip, segmenter, on_frames=on_frames)
        return analysis, write_exports(analysis, clip, out)
