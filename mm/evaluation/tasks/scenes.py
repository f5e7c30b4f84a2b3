"""The scenes of a video and scores of its spans, from the features of its file.

Names of arrays end in their axes: S segments, N spans, Q queries, D dimensions, 2 start and end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.evaluation.features.types import Features
from mm.models.temporal.frames import MAX_FRAMES, FrameSequence
from mm.numerics import Float32, Float64
from mm.spaces.encode.scenes import scene_boundaries

if TYPE_CHECKING:
    from mm.models.temporal.tower import TemporalTower


def to_frame_sequence(features: Features) -> FrameSequence | None:
    """The frames of a video; None without frames, and for more than the network processes."""
    times, vectors, motions = features.frame_times, features.frame_vectors, features.frame_motions
    if times is None or vectors is None or motions is None or not 0 < len(times) <= MAX_FRAMES:
        return None
    return FrameSequence(times, vectors, motions)


def list_scenes(tower: TemporalTower | None, features: Features) -> Float64:
    """Scenes (N, 2) that cover a video: by the temporal network, or without one its segments.

    A scene begins with the segment that begins between two frames, as where a shot is cut, or else
    in the middle between them.
    """
    frames = to_frame_sequence(features)
    segments = features.spans["picture"]
    if tower is None or frames is None:
        return segments
    starts = []
    for index in scene_boundaries(tower, frames):
        before, after = float(frames.times_L[index - 1]), float(frames.times_L[index])
        cuts = segments[(segments[:, 0] > before) & (segments[:, 0] <= after), 0]
        starts.append(float(cuts[0]) if len(cuts) else (before + after) / 2)
    edges = np.array(sorted({0.0, *(start for start in starts if 0 < start < features.duration), features.duration}))
    return np.stack([edges[:-1], edges[1:]], axis=1)


def inside(spans_N2: Float64, segments_S2: Float64) -> npt.NDArray[np.bool_]:
    """Whether the middle of each segment is in each span (N, S); an empty span has the nearest."""
    middle_S = segments_S2.mean(1)
    inside_NS: npt.NDArray[np.bool_] = (spans_N2[:, :1] <= middle_S) & (middle_S < spans_N2[:, 1:])
    nearest_N = np.abs(middle_S - spans_N2.mean(1)[:, None]).argmin(1)
    inside_NS[np.arange(len(spans_N2)), nearest_N] |= ~inside_NS.any(1)
    return inside_NS


def score_spans(spans_N2: Float64, segments_S2: Float64, scores_QS: Float32) -> Float32:
    """Scores (Q, N) of spans: the largest score of a segment inside, as search ranks moments."""
    inside_NS = inside(spans_N2, segments_S2)
    best_QN: Float32 = np.where(inside_NS, scores_QS[:, None], -np.inf).max(2)
    return best_QN


def merge_neighbours(spans_N2: Float64, max_merged: int) -> Float64:
    """Spans and all unions of up to `max_merged` neighbours, each once; the single ones first."""
    unions = [spans_N2]
    for count in range(2, min(max_merged, len(spans_N2)) + 1):
        unions.append(np.stack([spans_N2[: len(spans_N2) - count + 1, 0], spans_N2[count - 1 :, 1]], axis=1))
    return np.concatenate(unions)
