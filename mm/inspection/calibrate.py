"""From held-out results of good images to the p-values and the threshold of regions.

Names of arrays end in their axes: N images in one place, patches of an image in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mm.inspection.bank.patch_bank import Folds
from mm.inspection.inspector import FittedInspector
from mm.inspection.thresholds.conformal import Calibration
from mm.numerics import Float32

REGION_RATE = 0.002
"""Share of the patches of good parts that are hotter than the threshold of regions."""
MAX_SAMPLES = 20_000
"""Patches of one image that contribute to the threshold of regions."""


class HeldOutResults:
    """Results of the good images of a fit, added in their order, each without its own fold."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._scores: list[float] = []
        self._hot: list[float] = []

    def add(self, score: float, anomaly_N: Float32) -> None:
        """Add the score of an image and the anomaly of its patches."""
        samples = self._random.choice(anomaly_N, min(len(anomaly_N), MAX_SAMPLES), replace=False)
        self._scores.append(score)
        self._hot.append(float(np.quantile(samples, 1 - REGION_RATE)))

    def calibrate(self, inspector: FittedInspector, groups: Sequence[str], fold_N: Folds) -> FittedInspector:
        """The inspector with these results; `groups` and `fold_N` are those of the images."""
        _, group_N = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
        calibration = Calibration(np.array(self._scores), group_N.astype(np.int64), np.asarray(fold_N, np.int64))
        return replace(inspector, calibration=calibration, region_threshold=float(np.mean(self._hot)))
