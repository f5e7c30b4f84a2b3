"""How unusual a score is among good parts that the bank does not hold: conformal p-values.

Cross-conformal prediction: Vovk 2015, "Cross-conformal predictors", arXiv:1208.0806; anomaly
detection with it: Bates et al. 2023, arXiv:2104.08279. Images of one part or batch are not
independent, so a group counts as one observation, to which its images contribute their mean (Lee,
Barber and Willett 2023, "Distribution-free inference with hierarchical data", arXiv:2306.06342).
The p-value is valid for a part of a new group: a good part has a p-value of at most a with a
probability of about a. The guarantee of the theory for several folds is 2 a; with one held-out fold
it is a. Names of arrays end in their axes: N held-out good images, F folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.inspection.thresholds.binomial import clopper_pearson
from mm.inspection.types import Threshold
from mm.numerics import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Scores of good images, each computed without the fold of the image."""

    score_N: Float64
    group_N: npt.NDArray[np.int64]
    """Number of the group of each image."""
    fold_N: npt.NDArray[np.int64]
    """Fold of each image, a column of the scores that `compute_p_value` receives."""

    @property
    def num_groups(self) -> int:
        return len(np.unique(self.group_N))

    @property
    def smallest_rate(self) -> float:
        """The smallest p-value, 1 / (groups + 1)."""
        return 1 / (self.num_groups + 1)

    def compute_p_value(self, score_F: Float64) -> float:
        """The p-value of an image from its scores with each fold left out; in (0, 1]."""
        if not len(self.score_N):
            return 1.0
        return self._p_value(self.score_N >= score_F[self.fold_N])

    def compute_threshold(self, rate: float) -> Threshold:
        """The score above which the p-value is at most `rate`, where that is reachable.

        Otherwise the largest score: no more can be said of a higher one than that its p-value is
        the smallest. Raises `InvalidInput` for a rate outside (0, 1).
        """
        if not 0 < rate < 1:
            raise InvalidInput(f"The rate of false alarms is between 0 and 1, not {rate:g}.")
        if not len(self.score_N):
            return Threshold(float("inf"), rate, 0, 0, 1.0, (0.0, 1.0))
        reachable = max(rate, self.smallest_rate)
        # Scores above a candidate have the p-value of the held-out scores above it.
        score = next(
            float(score) for score in np.unique(self.score_N) if self._p_value(self.score_N > score) <= reachable + 1e-12
        )
        return Threshold(score, rate, len(self.score_N), self.num_groups, self.smallest_rate, self._bound_rate(score))

    def _p_value(self, is_as_high_N: npt.NDArray[np.bool_]) -> float:
        return (1 + self._count_groups(is_as_high_N)) / (self.num_groups + 1)

    def _count_groups(self, is_above_N: npt.NDArray[np.bool_]) -> float:
        """Sum over the groups of the share of their images that are above."""
        _, number_N, count_G = np.unique(self.group_N, return_inverse=True, return_counts=True)
        return float((np.bincount(number_N, is_above_N.astype(np.float64)) / count_G).sum())

    def _bound_rate(self, score: float) -> tuple[float, float]:
        """Clopper-Pearson bounds of the rate above a score, with groups as observations."""
        count = self._count_groups(self.score_N > score)
        low, _ = clopper_pearson(int(np.floor(count + 1e-9)), self.num_groups)
        _, high = clopper_pearson(int(np.ceil(count - 1e-9)), self.num_groups)
        return low, high
