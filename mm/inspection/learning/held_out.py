"""Results of images from what was learned without them, and how much the head counts.

An image of fold f is judged by the bank without fold f and by the member that did not see fold f.
How much the head counts for fold f is chosen with the images of the other folds only, so these
results stay comparable with those of a new part. Names of arrays end in their axes: N patches, E
examples, F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.inspection.head.head import SegmentationHead, combine
from mm.inspection.learning.training import TrainedMembers
from mm.inspection.scoring.score import ScoreRule, mean_of_largest
from mm.metrics.auc import auc, partial_auc
from mm.numerics import Float32, Float64

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Shares of the head that are compared. The bank always counts, for defects that nobody marked."""
SHARES = (0.003, 0.01)
"""Shares of the patches of a score that are compared, beside that of the settings."""
PAIRS = ((0.001, 0.1), (0.003, 0.03))
"""Pairs of shares that are compared: `mm.inspection.scoring.score.ScoreRule`."""
FIXED_WEIGHT, FIXED_PAIR = 0.5, (0.003, 0.03)
"""What is used without defective images; rendered ones cannot compare: they train the head."""
MIN_SPREAD = 1e-6
HOT = 0.998
"""Quantile of the patches of good parts that is 1 in the unit of the head."""
MAX_SAMPLES = 2000
"""Patches of an image that contribute to the units."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutImage:
    """What was measured of the patches of one image, without its fold."""

    fold: int
    is_of_fit: bool
    is_defective: bool
    distance_N: Float32
    logit_N: Float32 | None
    """None without a head."""


@dataclass(frozen=True, slots=True)
class Units:
    """What is 0 and 1 for distances and for log odds; see `SegmentationHead`."""

    distance_zero: float
    distance_unit: float
    logit_zero: float
    logit_unit: float


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """How much the head counts, and the rule of the score, for each fold that is left out."""

    weight_F: Float32
    rules_F: tuple[ScoreRule, ...]

    def get(self, fold: int) -> tuple[float, ScoreRule]:
        """Weight and rule without this fold."""
        return float(self.weight_F[fold]), self.rules_F[fold]


def measure_units(images: Sequence[HeldOutImage], seed: int) -> Units:
    """The units from patches of good images of the fit."""
    random = np.random.default_rng(seed)
    distances, logits = [], []
    for image in images:
        if image.is_of_fit and image.logit_N is not None:
            rows = random.permutation(len(image.distance_N))[:MAX_SAMPLES]
            distances.append(image.distance_N[rows])
            logits.append(image.logit_N[rows])
    return Units(*_zero_and_unit(np.concatenate(distances)), *_zero_and_unit(np.concatenate(logits)))


def score(image: HeldOutImage, units: Units, weight: float, rule: ScoreRule) -> float:
    """The score of an image, as an inspector with this head computes it."""
    return rule.score(measure_anomaly(image, units, weight))


def measure_anomaly(image: HeldOutImage, units: Units, weight: float) -> Float32:
    """The anomaly (N,) of the patches of an image with log odds."""
    assert image.logit_N is not None
    distance_N = (image.distance_N - np.float32(units.distance_zero)) / np.float32(units.distance_unit)
    logit_N = (image.logit_N - np.float32(units.logit_zero)) / np.float32(units.logit_unit)
    return combine(distance_N, logit_N, weight)


def choose(images: Sequence[HeldOutImage], units: Units, num_folds: int, share: float, rate: float) -> Choice:
    """For each fold, the choice that separates good from defective images of the other folds best.

    Measured by the mean of the area under the ROC curve and of its part up to the requested rate.
    The first of equal ones wins: the smallest weight, and one share rather than two.
    """
    shares = [(each, 0.0) for each in dict.fromkeys((share, *SHARES))]
    grid = [(weight, pair) for weight in WEIGHTS for pair in (*shares, *PAIRS)]
    fold_E = np.array([image.fold for image in images])
    is_used_E = np.array([image.is_of_fit or image.is_defective for image in images])
    is_good_E = np.array([image.is_of_fit for image in images])
    is_defective_E = np.array([image.is_defective for image in images])
    means_GE2 = measure_means(images, units, grid)
    weights, rules = [], []
    for fold in range(num_folds):
        is_other_E = fold_E != fold
        own = [fit_rule(pair, means_E2[is_good_E & is_other_E]) for (_, pair), means_E2 in zip(grid, means_GE2, strict=True)]
        scores_GE = np.array([rule.join(*means_E2.T) for rule, means_E2 in zip(own, means_GE2, strict=True)])
        best = _choose(scores_GE, is_defective_E, is_used_E & is_other_E, rate)
        weights.append(grid[best][0])
        rules.append(own[best])
    return Choice(np.array(weights, np.float32), tuple(rules))


def use_fixed(images: Sequence[HeldOutImage], units: Units, num_folds: int) -> Choice:
    """`FIXED_WEIGHT` and `FIXED_PAIR` for each fold."""
    fold_E = np.array([image.fold for image in images])
    is_good_E = np.array([image.is_of_fit for image in images])
    means_E2 = measure_means(images, units, [(FIXED_WEIGHT, FIXED_PAIR)])[0]
    rules = tuple(fit_rule(FIXED_PAIR, means_E2[is_good_E & (fold_E != fold)]) for fold in range(num_folds))
    return Choice(np.full(num_folds, FIXED_WEIGHT, np.float32), rules)


def measure_means(images: Sequence[HeldOutImage], units: Units, grid: Sequence[tuple[float, tuple[float, float]]]) -> Float64:
    """Both means (G, E, 2) of the largest anomalies of each image, for each row of the grid."""
    shares = sorted({share for _, pair in grid for share in pair if share})
    means_GE2 = np.zeros((len(grid), len(images), 2))
    for column, image in enumerate(images):
        for weight in dict.fromkeys(weight for weight, _ in grid):
            anomaly_N1 = measure_anomaly(image, units, weight)[:, None]
            found = {share: float(mean_of_largest(anomaly_N1, share)[0]) for share in shares}
            for row, (own_weight, pair) in enumerate(grid):
                if own_weight == weight:
                    means_GE2[row, column] = [found.get(share, 0.0) for share in pair]
    return means_GE2


def fit_rule(pair: tuple[float, float], good_E2: Float64) -> ScoreRule:
    """The rule of a pair of shares from both means of good images."""
    share, wide_share = pair
    if not wide_share or not len(good_E2):
        return ScoreRule(share)
    zeros, units = np.median(good_E2, 0), np.maximum(good_E2.std(0), MIN_SPREAD)
    return ScoreRule(share, wide_share, (float(zeros[0]), float(zeros[1])), (float(units[0]), float(units[1])))


def _choose(scores_GE: Float64, is_defective_E: npt.NDArray[np.bool_], is_used_E: npt.NDArray[np.bool_], rate: float) -> int:
    """The best row of the grid; the first, which is the bank alone, if there is no comparison."""
    labels = is_defective_E[is_used_E]
    if labels.all() or not labels.any():
        return 0
    quality = [auc(scores_E[is_used_E], labels) + partial_auc(scores_E[is_used_E], labels, rate) for scores_E in scores_GE]
    return int(np.argmax(np.round(quality, 6)))


def make_head(trained: TrainedMembers, units: Units, choice: Choice) -> SegmentationHead:
    """The head of these members, with the units and what was chosen for each fold."""
    return SegmentationHead(
        trained.members, units.distance_zero, units.distance_unit, units.logit_zero, units.logit_unit,
        choice.weight_F, choice.rules_F, trained.kinds,
    )  # fmt: skip


def _zero_and_unit(values: Float32) -> tuple[float, float]:
    zero, hot = np.quantile(values, [0.5, HOT])
    return float(zero), max(float(hot - zero), 1e-6)
