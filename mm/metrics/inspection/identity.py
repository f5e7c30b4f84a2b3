"""Identity scores of tracks: IDF1 (Ristani et al. 2016, arXiv 1609.01775).

Each true track is paired with at most one predicted track over the whole sequence, so a track that
changes its identity loses all frames of the shorter piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from mm.errors import InvalidInput

MIN_IOU = 0.5
"""Overlap from which a prediction is on an object, as in MOTChallenge."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """Objects and predictions of one frame, and their overlaps (T, P), each from 0 to 1."""

    true_ids: tuple[int, ...]
    predicted_ids: tuple[int, ...]
    iou_TP: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        if self.iou_TP.shape != (len(self.true_ids), len(self.predicted_ids)):
            raise InvalidInput(
                f"{len(self.true_ids)} objects and {len(self.predicted_ids)} predictions have overlaps {self.iou_TP.shape}."
            )
        if len(set(self.true_ids)) < len(self.true_ids) or len(set(self.predicted_ids)) < len(self.predicted_ids):
            raise InvalidInput("An identity occurs twice in one frame.")


@dataclass(frozen=True, slots=True)
class IdentityScores:
    """Detections under the best pairing of true with predicted tracks."""

    num_right: int
    """Predictions on the object of their paired track."""
    num_predicted: int
    num_true: int

    @property
    def idf1(self) -> float:
        total = self.num_predicted + self.num_true
        return 2 * self.num_right / total if total else 1.0

    @property
    def precision(self) -> float:
        return self.num_right / self.num_predicted if self.num_predicted else 1.0

    @property
    def recall(self) -> float:
        return self.num_right / self.num_true if self.num_true else 1.0


def measure_identity(frames: Sequence[TrackedFrame], min_iou: float = MIN_IOU) -> IdentityScores:
    """Pair tracks so that most predictions are right; a pair counts frames of enough overlap.

    Raises `InvalidInput` for an overlap outside (0, 1].
    """
    if not 0 < min_iou <= 1:
        raise InvalidInput(f"The overlap {min_iou} of a match must be above 0 and at most 1.")
    true_ids = sorted({identity for frame in frames for identity in frame.true_ids})
    predicted_ids = sorted({identity for frame in frames for identity in frame.predicted_ids})
    counts = np.zeros((len(true_ids), len(predicted_ids)), np.int64)
    for frame in frames:
        rows = [true_ids.index(identity) for identity in frame.true_ids]
        columns = [predicted_ids.index(identity) for identity in frame.predicted_ids]
        counts[np.ix_(rows, columns)] += frame.iou_TP >= min_iou
    pairs = scipy.optimize.linear_sum_assignment(counts, maximize=True)
    return IdentityScores(
        int(counts[pairs].sum()),
        sum(len(frame.predicted_ids) for frame in frames),
        sum(len(frame.true_ids) for frame in frames),
    )
