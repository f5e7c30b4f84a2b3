"""Scenes of a video, from all of its frames together: its chunks are encoded apart, and only now is
seen what goes on across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.models.temporal.frames import MAX_FRAMES, FrameSequence
from mm.models.temporal.tower import SCENE, suppress_non_maxima

if TYPE_CHECKING:
    from mm.models.temporal.tower import TemporalTower


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The sampled frames of a whole video, in order of time: L frames, vectors of D numbers."""

    times_L: npt.NDArray[np.float64]
    vectors_LD: npt.NDArray[np.float32]
    motion_LM: npt.NDArray[np.float32]
    cut_times_L: npt.NDArray[np.float64]
    """When the shot of a frame began, where a cut was seen before it; not a number elsewhere."""

    def between(self, index: int) -> float:
        """When what frame `index` shows began: at its cut, or half-way from the frame before."""
        cut = float(self.cut_times_L[index])
        return float(self.times_L[index - 1] + self.times_L[index]) / 2 if np.isnan(cut) else cut


def scene_starts(tower: TemporalTower, frames: Frames) -> list[float]:
    """Times at which scenes begin, ascending, without the first. None for more frames than are seen
    in one pass."""
    if len(frames.times_L) > MAX_FRAMES:
        return []
    sequence = FrameSequence(frames.times_L, frames.vectors_LD, frames.motion_LM)
    config = tower.config
    begins = suppress_non_maxima(
        tower.predict_boundaries(sequence)[:, SCENE], frames.times_L, config.scene_threshold, config.min_gap
    )
    return sorted({frames.between(index) for index in begins})
