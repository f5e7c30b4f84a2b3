"""Fit the probability that a hit of a query of words is right.

A logistic regression with a ridge penalty on standardized features, whose coefficients of hits are
not negative, minimized by L-BFGS-B. Names of arrays end in their axes: H hits, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from mm.data.everyday.questions import ENGLISH
from mm.evaluation.everyday.libraries import Ranking
from mm.numerics import Float64, sigmoid
from mm.spaces.text_queries.bands import FEATURES, HIT_FEATURES
from mm.spaces.text_queries.calibration import BandCalibration, BandFit

NUM_FOLDS = 5
RIDGE = 3e-3
"""Chosen by the log loss of the folds among 0.001, 0.003, 0.01 and 0.03; with 0.01 it is 1 % lower,
but fewer hits are likely."""
LIKELY = 0.5
"""Probability from which a hit is likely: it is more probably right than not."""
POSSIBLE = 0.1
"""Probability from which a hit is possible: one of the first ten is right."""

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """Log-odds = bias + features @ of_features."""

    bias: float
    of_features: Float64

    def predict(self, features_HF: Float64) -> Float64:
        """Probabilities (H,)."""
        return sigmoid(features_HF @ self.of_features + self.bias)


def fit_coefficients(features_HF: Float64, right_H: Float64, ridge: float = RIDGE) -> Coefficients:
    """Fit coefficients to hits that are right (1) or not (0)."""
    mean_F, deviation_F = features_HF.mean(0), np.maximum(features_HF.std(0), 1e-6)
    scaled_HF = (features_HF - mean_F) / deviation_F

    def compute_loss(parameters: Float64) -> tuple[float, Float64]:
        logits_H = scaled_HF @ parameters[1:] + parameters[0]
        error_H = (sigmoid(logits_H) - right_H) / len(right_H)
        loss = float((np.logaddexp(0, logits_H) - right_H * logits_H).mean() + 0.5 * ridge * parameters[1:] @ parameters[1:])
        return loss, np.concatenate([[error_H.sum()], scaled_HF.T @ error_H + ridge * parameters[1:]])

    free = [(None, None)] * (len(FEATURES) - len(HIT_FEATURES))
    bounds = [(None, None), *[(0.0, None)] * len(HIT_FEATURES), *free]
    found = minimize(
        compute_loss, np.zeros(len(FEATURES) + 1), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}
    )
    of_features = found.x[1:] / deviation_F
    return Coefficients(float(found.x[0] - mean_F @ of_features), of_features)


def number_sources(rankings: Sequence[Ranking]) -> Int:
    """The source of each ranking: questions with the same answers are not independent."""
    keys: dict[tuple[object, ...], int] = {}
    questions = [each.question for each in rankings]
    return np.array([keys.setdefault((each.library, each.right or each.text), len(keys)) for each in questions])


def cross_fit(rankings: Sequence[Ranking], num_folds: int = NUM_FOLDS, seed: int = 0) -> list[Float64]:
    """Probabilities (H,) of the hits of each ranking, by a fit without the questions of its fold.

    All questions of a source are in one fold. English questions that were encoded as English have a
    fit of their own, and so have those in other languages that were not. The others, which were
    taken for the wrong language, are in none.
    """
    sources = number_sources(rankings)
    fold = (np.random.default_rng(seed).permutation(int(sources.max()) + 1) % num_folds)[sources]
    confidences: list[Float64] = [np.zeros(0)] * len(rankings)
    for number in range(num_folds):
        fits = _fit_languages([each for each, own in zip(rankings, fold, strict=True) if own != number])
        for index in np.flatnonzero(fold == number).tolist():
            confidences[index] = fits[rankings[index].is_english].predict(rankings[index].features_HF)
    return confidences


def fit_bands(rankings: Sequence[Ranking], image_weights: str) -> BandCalibration:
    """Fit the calibration to all questions, of which some must be in other languages."""
    fits = _fit_languages(rankings)
    return BandCalibration(
        image_weights=image_weights,
        likely=LIKELY,
        possible=POSSIBLE,
        english=_round_fit(fits[True]),
        other=_round_fit(fits[False]),
    )


def _fit_languages(rankings: Sequence[Ranking]) -> dict[bool, Coefficients]:
    """The fits of English (true) and of other languages, without questions that were mistaken."""
    fits = {}
    for is_english in (True, False):
        own = [each for each in rankings if is_english == each.is_english == (each.question.language == ENGLISH)]
        features_HF = np.concatenate([each.features_HF for each in own])
        fits[is_english] = fit_coefficients(features_HF, np.concatenate([each.right_H for each in own]))
    return fits


def _round_fit(fitted: Coefficients) -> BandFit:
    coefficients = {name: _round(value) for name, value in zip(FEATURES, fitted.of_features, strict=True)}
    return BandFit(bias=_round(fitted.bias), coefficients=coefficients)


def _round(value: float) -> float:
    return float(f"{value:.5g}")
