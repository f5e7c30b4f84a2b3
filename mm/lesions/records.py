"""The JSON form of an analysis, which the API, the page and the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mm import schemas

if TYPE_CHECKING:
    from mm.lesions.types import LesionAnalysis, Mark


def to_result(analysis: LesionAnalysis) -> schemas.LesionResult:
    """Candidates with their best regions."""
    return schemas.LesionResult(
        name=analysis.name,
        width=analysis.width,
        height=analysis.height,
        num_frames=analysis.num_frames,
        views=[
            schemas.LesionView(left=view.left, top=view.top, width=view.width, height=view.height, mm_per_px=view.mm_per_px)
            for view in (found.view for found in analysis.views)
        ],
        candidates=[_to_candidate(analysis, mark) for mark in analysis.list_marks() if mark.is_best],
        network=analysis.network,
        notes=list(analysis.notes),
    )


def list_regions(analysis: LesionAnalysis) -> Iterator[tuple[str, schemas.LesionRegion]]:
    """Every region with the id of its candidate, by view, candidate and frame."""
    for mark in analysis.list_marks():
        yield _candidate_id(mark), _to_region(analysis, mark)


def _candidate_id(mark: Mark) -> str:
    return f"{mark.view_number}.{mark.candidate.track_id}"


def _to_candidate(analysis: LesionAnalysis, mark: Mark) -> schemas.LesionCandidate:
    candidate = mark.candidate
    return schemas.LesionCandidate(
        id=_candidate_id(mark),
        view=mark.view_number,
        start_frame=candidate.start_frame,
        end_frame=candidate.end_frame,
        start=_round(analysis.seconds_of(candidate.start_frame)),
        end=_round(analysis.seconds_of(candidate.end_frame)),
        best_frame=candidate.best_frame,
        best=_round(analysis.seconds_of(candidate.best_frame)),
        confidence=round(candidate.confidence, 4),
        num_regions=len(candidate.regions),
        best_region=_to_region(analysis, mark),
    )


def _to_region(analysis: LesionAnalysis, mark: Mark) -> schemas.LesionRegion:
    return schemas.LesionRegion(
        frame=mark.frame,
        seconds=_round(analysis.seconds_of(mark.frame)),
        box=mark.box,
        polygon=[(float(x), float(y)) for x, y in mark.outline()],
        confidence=round(mark.region.confidence, 4),
        area_px=mark.region.area_px,
        area_mm2=None if mark.area_mm2 is None else round(mark.area_mm2, 3),
    )


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
