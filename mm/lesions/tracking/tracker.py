"""Follows regions through frames: association in two steps, with a Kalman filter.

ByteTrack (Zhang et al. 2022, arXiv:2110.06864): regions of high confidence are assigned first, then
the remaining tracks take regions of low confidence, which never start a track. A track is tentative
until regions were assigned to it in `CONFIRM_REGIONS` of its first `CONFIRM_FRAMES` frames; others
are discarded. A frame to which no region is assigned gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from mm.errors import InvalidInput
from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.tracking.association import assign, assign_near
from mm.lesions.tracking.kalman import BoxState, predict_state, start_state, update_state
from mm.lesions.types import LesionCandidate
from mm.numerics import Float64

CONFIRM_REGIONS, CONFIRM_FRAMES = 3, 5
Pair = Callable[[Sequence[Float64], Sequence[Float64]], list[tuple[int, int]]]
NUM_BEST = 3
"""Regions whose confidences make that of a candidate."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Limits of the association."""

    high: float = 0.5
    """Confidence of regions that may start a track."""
    low: float = 0.1
    """Confidence of regions that may continue one."""
    min_overlap: float = 0.2
    """Intersection over union of a region of high confidence with the predicted box."""
    min_overlap_low: float = 0.4
    """The same for a region of low confidence."""
    max_distance: float | None = None
    """Distance of the centres, in mean diagonals, below which a region of high confidence that
    overlaps no track continues the nearest one; None as in ByteTrack. For hand-held cameras, whose
    view moves by more than an object between frames."""
    max_gap: int = 15
    """Frames without a region after which a track has ended."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for limits that contradict each other."""
        if not 0 <= self.low <= self.high <= 1 or self.max_gap < 1 or (self.max_distance is not None and self.max_distance <= 0):
            raise InvalidInput(
                f"The tracker needs 0 <= low <= high <= 1, a gap of at least 1 frame and a distance above 0, not {self}."
            )


@dataclass(eq=False)
class _Track:
    state: BoxState
    first: int
    is_confirmed: bool = False
    regions: dict[int, LesionRegion] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return max(self.regions)


class LesionTracker:
    """Takes the regions of frames in order; see the module."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._open: list[_Track] = []
        self._ended: list[_Track] = []
        self._next_frame = 0

    def update(self, frame: int, regions: Sequence[LesionRegion], *, is_cut: bool = False) -> None:
        """Assign the regions of a frame. With `is_cut` the frame begins another view.

        Frames may be left out, but their numbers increase; raises `InvalidInput` otherwise.
        """
        if frame < self._next_frame:
            raise InvalidInput(f"Frame {frame} follows frame {self._next_frame - 1}: frames must be in order.")
        if is_cut:
            self._end(self._open)
        for number in range(self._next_frame, frame + 1):
            self._advance(number)
        self._next_frame = frame + 1
        settings = self._settings
        high = [region for region in regions if region.confidence >= settings.high]
        low = [region for region in regions if settings.low <= region.confidence < settings.high]
        tracks, high = self._assign(frame, self._open, high, partial(assign, min_overlap=settings.min_overlap))
        tracks, _ = self._assign(frame, tracks, low, partial(assign, min_overlap=settings.min_overlap_low))
        if settings.max_distance is not None:
            _, high = self._assign(frame, tracks, high, partial(assign_near, max_distance=settings.max_distance))
        self._open += [_Track(start_state(region.box), frame, regions={frame: region}) for region in high]
        for track in self._open:
            is_new = frame - track.first < CONFIRM_FRAMES
            track.is_confirmed = track.is_confirmed or (is_new and len(track.regions) >= CONFIRM_REGIONS)

    def finish(self) -> list[LesionCandidate]:
        """End all tracks and return the confirmed ones in the order of their first frames."""
        self._end(self._open)
        ended = sorted(self._ended, key=lambda track: (track.first, -len(track.regions)))
        return [_to_candidate(number, track) for number, track in enumerate(ended, 1)]

    def _advance(self, frame: int) -> None:
        """Predict all tracks to a frame; end those that are too old or were not confirmed."""
        ended = [
            track
            for track in self._open
            if frame - track.last > self._settings.max_gap or (not track.is_confirmed and frame - track.first >= CONFIRM_FRAMES)
        ]
        self._end(ended)
        for track in self._open:
            track.state = predict_state(track.state)

    def _assign(
        self, frame: int, tracks: Sequence[_Track], regions: Sequence[LesionRegion], pair: Pair
    ) -> tuple[list[_Track], list[LesionRegion]]:
        """Assign regions; return the tracks and the regions that are left."""
        pairs = pair([track.state.box_4 for track in tracks], [_to_array(region) for region in regions])
        for row, column in pairs:
            tracks[row].state = update_state(tracks[row].state, regions[column].box)
            tracks[row].regions[frame] = regions[column]
        used_tracks, used_regions = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [track for row, track in enumerate(tracks) if row not in used_tracks],
            [region for column, region in enumerate(regions) if column not in used_regions],
        )

    def _end(self, tracks: Sequence[_Track]) -> None:
        self._ended += [track for track in tracks if track.is_confirmed]
        ended = set(map(id, tracks))
        self._open = [track for track in self._open if id(track) not in ended]


def track_regions(frames: Sequence[Sequence[LesionRegion]], settings: TrackerSettings | None = None) -> list[LesionCandidate]:
    """The candidates of successive frames; a single image has no tracks, so each region is one."""
    if len(frames) == 1:
        limit = (settings or TrackerSettings()).low
        shown = [region for region in frames[0] if region.confidence >= limit]
        return [LesionCandidate(number, {0: region}, 0, region.confidence) for number, region in enumerate(shown, 1)]
    tracker = LesionTracker(settings)
    for frame, regions in enumerate(frames):
        tracker.update(frame, regions)
    return tracker.finish()


def _to_array(region: LesionRegion) -> Float64:
    return np.array(region.box, np.float64)


def _to_candidate(number: int, track: _Track) -> LesionCandidate:
    best = max(track.regions, key=lambda frame: (track.regions[frame].confidence, -frame))
    highest = sorted((region.confidence for region in track.regions.values()), reverse=True)[:NUM_BEST]
    return LesionCandidate(number, dict(sorted(track.regions.items())), best, float(np.mean(highest)))
