"""A linear classifier on features of videos: least squares with a ridge penalty.

Names of arrays end in their axes: N videos, F features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.numerics import Float64

RIDGES = (1.0, 10.0, 100.0, 1000.0)
NUM_FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Standardized features times weights."""

    mean_F: Float64
    scale_F: Float64
    weights_FC: Float64
    bias_C: Float64
    ridge: float

    def score(self, rows_NF: Float64) -> Float64:
        """Scores (N, C); the largest is the class."""
        scores: Float64 = ((rows_NF - self.mean_F) / self.scale_F) @ self.weights_FC + self.bias_C
        return scores


def fit_linear_head(rows_NF: Float64, classes: Sequence[int], groups: Sequence[str]) -> LinearHead:
    """Fit with the penalty that is right most often in cross-validation over groups.

    Raises `InvalidInput` for fewer than two classes or groups.
    """
    class_N = np.array(classes)
    num_classes = int(class_N.max()) + 1 if len(class_N) else 0
    names = sorted(set(groups))
    if len(set(classes)) < 2 or len(names) < 2:
        raise InvalidInput("A head needs two classes and two groups.")
    fold_of = {name: number % NUM_FOLDS for number, name in enumerate(names)}
    fold_N = np.array([fold_of[group] for group in groups])

    def count_right(ridge: float) -> int:
        right = 0
        for fold in np.unique(fold_N):
            held_out = fold_N == fold
            head = _fit(rows_NF[~held_out], class_N[~held_out], num_classes, ridge)
            right += int((head.score(rows_NF[held_out]).argmax(1) == class_N[held_out]).sum())
        return right

    return _fit(rows_NF, class_N, num_classes, max(RIDGES, key=count_right))


def _fit(rows_NF: Float64, class_N: npt.NDArray[np.int64], num_classes: int, ridge: float) -> LinearHead:
    mean_F, scale_F = rows_NF.mean(0), rows_NF.std(0) + 1e-6
    standard_NF = (rows_NF - mean_F) / scale_F
    target_NC = np.eye(num_classes)[class_N]
    bias_C = target_NC.mean(0)
    # The dual form: there can be fewer videos than features.
    gram_NN = standard_NF @ standard_NF.T + ridge * np.eye(len(standard_NF))
    weights_FC = standard_NF.T @ np.linalg.solve(gram_NN, target_NC - bias_C)
    return LinearHead(mean_F, scale_F, weights_FC, bias_C, ridge)
