"""CSV (RFC 4180): one line for each candidate, or one for each region."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from mm.lesions.types import NOTICE, LesionAnalysis, Mark

CANDIDATE_COLUMNS = (
    "file", "view", "candidate", "start_frame", "end_frame", "start_s", "end_s", "best_frame", "num_frames", "confidence",
    "area_px", "area_mm2", "notice",
)  # fmt: skip
REGION_COLUMNS = (
    "file", "view", "candidate", "frame", "seconds", "x", "y", "width", "height", "confidence", "area_px", "area_mm2", "is_best",
    "notice",
)  # fmt: skip


def export_candidates(analysis: LesionAnalysis) -> bytes:
    """One line a candidate; areas are those of its best frame, frames are numbered from 0."""
    rows = [_candidate_row(analysis, mark) for mark in analysis.list_marks() if mark.is_best]
    return _write(CANDIDATE_COLUMNS, rows)


def export_regions(analysis: LesionAnalysis) -> bytes:
    """One line a region and frame; coordinates are pixels of the whole frame."""
    return _write(REGION_COLUMNS, [_region_row(analysis, mark) for mark in analysis.list_marks()])


def _candidate_row(analysis: LesionAnalysis, mark: Mark) -> list[object]:
    candidate = mark.candidate
    span = candidate.start_frame, candidate.end_frame
    times = [_format_seconds(analysis, frame) for frame in span]
    start = [analysis.name, mark.view_number, candidate.track_id, *span, *times, candidate.best_frame, len(candidate.regions)]
    return [*start, f"{candidate.confidence:.4f}", mark.region.area_px, _format_area(mark), NOTICE]


def _region_row(analysis: LesionAnalysis, mark: Mark) -> list[object]:
    seconds = _format_seconds(analysis, mark.frame)
    start = [analysis.name, mark.view_number, mark.candidate.track_id, mark.frame, seconds, *mark.box]
    return [*start, f"{mark.region.confidence:.4f}", mark.region.area_px, _format_area(mark), int(mark.is_best), NOTICE]


def _format_seconds(analysis: LesionAnalysis, frame: int) -> str:
    seconds = analysis.seconds_of(frame)
    return "" if seconds is None else f"{seconds:.3f}"


def _format_area(mark: Mark) -> str:
    return "" if mark.area_mm2 is None else f"{mark.area_mm2:.3f}"


def _write(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([columns, *rows])
    if not rows:  # the notice stands in every file
        writer.writerow(["" for _ in columns[:-1]] + [NOTICE])
    return file.getvalue().encode()
