"""The temporal tower: the frames of a whole video to the boundaries of its shots and scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.network import Float, Weights, compute_states, forward
from mm.models.temporal.weights import read_temporal

SHOT, SCENE = 0, 1
"""Columns of the output."""


class TemporalTower:
    """The temporal network with its weights. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Load the weights. Raises `Corrupt` when the file is not such a checkpoint."""
        self.config, self._weights = read_temporal(path)

    def predict_boundaries(self, frames: FrameSequence) -> Float:
        """Probabilities (L, 2) that a shot (`SHOT`) and a scene (`SCENE`) begins with each frame.

        They are 1 for the first frame. Raises `InvalidInput` for vectors of another dimension.
        """
        self._check(frames)
        return predict_boundaries(self.config, self._weights, frames)

    def compute_states(self, frames: FrameSequence) -> Float:
        """Hidden states (L, W) after the last layer, the input of other heads.

        Raises `InvalidInput` for vectors of another dimension.
        """
        self._check(frames)
        return compute_states(self.config, self._weights, frames)

    def _check(self, frames: FrameSequence) -> None:
        if frames.vectors_LD.shape[1] != self.config.dim:
            raise InvalidInput(f"The network takes vectors of {self.config.dim} dimensions, not {frames.vectors_LD.shape[1]}.")


def predict_boundaries(config: TemporalConfig, weights: Weights, frames: FrameSequence) -> Float:
    """Probabilities (L, 2) that a shot and a scene begins with each frame; 1 for the first."""
    # Not `mm.numerics.sigmoid`: it rounds float32 differently, and the order of probabilities
    # decides which boundary is suppressed.
    probabilities = (1 / (1 + np.exp(-forward(config, weights, frames)))).astype(np.float32)
    probabilities[0] = 1
    return probabilities


def suppress_non_maxima(probabilities_L: Float, times_L: npt.NDArray[np.float64], threshold: float, min_gap: float) -> list[int]:
    """Indices, ascending, of the boundaries that remain after non-maximum suppression.

    Of frames with at least `threshold` that are nearer than `min_gap` seconds, the most probable
    remains. The first frame is never a boundary.
    """
    peaks: list[int] = []
    for index in np.argsort(-probabilities_L, kind="stable").tolist():
        if probabilities_L[index] < threshold:
            break
        if index and all(abs(times_L[index] - times_L[other]) >= min_gap for other in peaks):
            peaks.append(index)
    return sorted(peaks)
