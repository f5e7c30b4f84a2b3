"""Values that lesion analysis returns. Frames are numbered from 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.views import View

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


@dataclass(frozen=True, slots=True, eq=False)
class ViewCandidates:
    """The candidates of one view; their coordinates are pixels of the view."""

    view: View
    candidates: tuple[LesionCandidate, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LesionAnalysis:
    """The result for one file: candidates for review, not a diagnosis."""

    name: str
    width: int  # of the frames, in pixels
    height: int
    num_frames: int
    frame_seconds: float
    """Between frames; 0 for an image, or where it is not known."""
    views: tuple[ViewCandidates, ...]
    network: str
    """Version of the weights that found the regions."""
    notes: tuple[str, ...] = ()
    notice: str = NOTICE
    times: tuple[float, ...] = ()
    """Seconds of each frame of a video; empty where frames are `frame_seconds` apart."""

    def seconds_of(self, frame: int) -> float | None:
        """The time of a frame; None for an image, or where it is not known."""
        if self.times:
            return self.times[frame]
        return frame * self.frame_seconds if self.frame_seconds else None

    def list_marks(self) -> list[Mark]:
        """All regions of all candidates, by view, candidate and frame."""
        return [
            Mark(number, found.view, candidate, frame, region)
            for number, found in enumerate(self.views, 1)
            for candidate in found.candidates
            for frame, region in candidate.regions.items()
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A region in a frame, with all that it belongs to."""

    view_number: int  # from 1
    view: View
    candidate: LesionCandidate
    frame: int
    region: LesionRegion

    @property
    def is_best(self) -> bool:
        """Whether it is the region of its candidate with the highest confidence."""
        return self.frame == self.candidate.best_frame

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height in pixels of the whole frame."""
        x, y, width, height = self.region.box
        return x + self.view.left, y + self.view.top, width, height

    @property
    def area_mm2(self) -> float | None:
        """Square millimetres; None without a scale."""
        scale = self.view.mm_per_px
        return None if scale is None else self.region.area_px * scale[0] * scale[1]

    def outline(self) -> npt.NDArray[np.float32]:
        """The outer boundary (P, 2), x and y in pixels of the whole frame."""
        return np.asarray(self.region.outline() + np.array([self.view.left, self.view.top]), np.float32)

    def place(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """The mask in a whole frame of this shape (H, W)."""
        x, y, width, height = self.box
        mask_HW = np.zeros(shape, bool)
        mask_HW[y : y + height, x : x + width] = self.region.inner_HW
        return mask_HW
