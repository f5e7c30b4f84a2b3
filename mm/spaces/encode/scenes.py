"""Scenes of a video, from the frames of all its chunks together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm.models.temporal.frames import MAX_FRAMES, FrameSequence
from mm.models.temporal.tower import SCENE, suppress_non_maxima

if TYPE_CHECKING:
    from mm.models.temporal.tower import TemporalTower
    from mm.spaces.encode.evidence import EncodedFrame


def to_sequence(frames: Sequence[EncodedFrame]) -> FrameSequence:
    """The input of the temporal network. Raises `InvalidInput` for no frames and for too many."""
    return FrameSequence(
        np.array([frame.time for frame in frames]),
        np.stack([frame.vector for frame in frames]),
        np.stack([frame.motion for frame in frames]),
    )


def scene_boundaries(tower: TemporalTower, sequence: FrameSequence) -> list[int]:
    """Indices of the frames with which a scene begins, ascending, without the first frame."""
    config = tower.config
    probabilities = tower.predict_boundaries(sequence)[:, SCENE]
    return suppress_non_maxima(probabilities, sequence.times_L, config.scene_threshold, config.min_gap)


def scene_starts(tower: TemporalTower, frames: Sequence[EncodedFrame]) -> list[float]:
    """Times at which scenes begin, ascending, without the first scene.

    Empty for more than `MAX_FRAMES` frames, which the network does not process in one pass.
    """
    if len(frames) > MAX_FRAMES:
        return []
    return sorted({boundary_time(frames, index) for index in scene_boundaries(tower, to_sequence(frames))})


def boundary_time(frames: Sequence[EncodedFrame], index: int) -> float:
    """When the content of frame `index` begins: at its cut, or half-way from the frame before."""
    frame = frames[index]
    return frame.cut_time if frame.cut else (frames[index - 1].time + frame.time) / 2
