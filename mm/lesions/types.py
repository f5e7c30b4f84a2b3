"""Values that lesion analysis returns. Frames are numbered from 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm.lesions.segmentation.regions import LesionRegion

NOTICE = "Candidate for review, research use, not a diagnosis"
"""Stands in every response, page and export."""


@dataclass(frozen=True, slots=True, eq=False)
class LesionCandidate:
    """One area that is followed through frames: a candidate for review, not a diagnosis."""

    track_id: int
    """From 1, in the order of the first frames."""
    regions: Mapping[int, LesionRegion]
    """By frame, ascending; a frame without a region in it has none."""
    best_frame: int
    """The frame of the region with the highest confidence."""
    confidence: float
    """Mean of the highest confidences, at most three: one frame alone counts less than several."""

    @property
    def start_frame(self) -> int:
        return min(self.regions)

    @property
    def end_frame(self) -> int:
        """The last frame with a region, inclusive."""
        return max(self.regions)
