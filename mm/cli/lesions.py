"""Runs the analysis of lesions on one file or item, and writes its exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, NotFound
from mm.files import write_atomic
from mm.lesions.analysis import analyse_clip
from mm.lesions.clips.clip import is_dicom
from mm.lesions.clips.open import open_clip
from mm.lesions.exports.files import write_exports
from mm.lesions.segmentation.shipped import open_segmenter

if TYPE_CHECKING:
    from mm.cli.progress import ProgressCallback
    from mm.client import Client
    from mm.lesions.analysis import OnFrames
    from mm.lesions.types import LesionAnalysis
    from mm.schemas import LesionResult
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


def analyse_by_service(client: Client, target: str, out: Path, report: ProgressCallback) -> tuple[LesionResult, list[Path]]:
    """Send a file, or name an item of the library; wait, and write the exports to `out`.

    A DICOM file becomes no item of the library. Raises `NotFound`, `InvalidInput` with the reason
    of a failed analysis, and as the client.
    """
    path = Path(target)
    if path.is_file() and is_dicom(path):
        analysis = client.lesions.analyse_dicom(path, on_progress=report)
    else:
        item_id = client.add(path, on_progress=report).item.id if path.is_file() else target
        try:
            (analysis,) = client.lesions.analyse([item_id])
        except NotFound as error:
            raise NotFound(f"There is no file and no item {target!r}.") from error
    analysis = client.lesions.wait(analysis.id, on_progress=report)
    if analysis.result is None:
        raise InvalidInput(f"The analysis is {analysis.state}: {analysis.error or analysis.stage}")
    out.mkdir(parents=True, exist_ok=True)
    for name in analysis.exports:
        write_atomic(out / name, client.lesions.export(analysis.id, name))
    return analysis.result, [out / name for name in analysis.exports]
