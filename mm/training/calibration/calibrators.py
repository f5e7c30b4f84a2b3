"""Fits calibrators, from a cosine and its z-score to the log-odds that evidence is relevant.

Names of arrays end in their axes: Q queries, E evidence, B bank, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.numerics import Float64, log_odds
from mm.spaces.calibration import Calibrator
from mm.spaces.scoring import compute_cosines
from mm.spaces.types import Vectors
from mm.training.logistic_regression import fit_logistic, log_loss

Bool = npt.NDArray[np.bool_]

_RIDGE = 1e-3
_MIXING_FACTORS = np.linspace(0.3, 1.2, 37)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPairs:
    """Queries and evidence, and which pairs are relevant."""

    queries: Vectors  # (Q, D)
    evidence: Vectors  # (E, D)
    relevant: Bool  # (Q, E)
    is_counted: Bool | None = None  # (Q, E); False for pairs of unknown relevance
    weight: Float64 | None = None  # (Q,)


def fit_calibrator(sets: Sequence[tuple[LabelledPairs, Vectors]], *, depictability_weight: float = 0.0) -> Calibrator:
    """Fit relevance by logistic regression on cosine and z-score, over all pairs of all sets.

    Each set comes with the bank (B, D) of its z-scores. The relevant pairs of a query share the
    weight of one, so that the calibrator holds for a library with one relevant item, whether the
    query is 'dog' or twelve words long.
    """
    features, labels, weights = [], [], []
    for pairs, bank_BD in sets:
        cosine_QE, z_score_QE = compute_cosines(pairs.queries, pairs.evidence, bank_BD)
        width = cosine_QE.shape[1]
        weight_QE = np.ones(cosine_QE.shape) if pairs.weight is None else np.repeat(pairs.weight[:, None], width, 1)
        if pairs.is_counted is not None:
            weight_QE *= pairs.is_counted
        weight_QE /= np.where(pairs.relevant, pairs.relevant.sum(1, keepdims=True), 1)
        features.append(np.stack([cosine_QE.ravel(), z_score_QE.ravel()], axis=1))
        labels.append(pairs.relevant.ravel().astype(np.float64))
        weights.append(weight_QE.ravel())
    cosine, z_score, bias = fit_logistic(np.concatenate(features), np.concatenate(labels), np.concatenate(weights), _RIDGE)
    return Calibrator(bias=float(bias), cosine=float(cosine), z_score=float(z_score), depictable=depictability_weight)


def shift_prior(calibrator: Calibrator, fitted: float, wanted: float) -> Calibrator:
    """Convert by Bayes' rule from the prior of the fit, its share of relevant pairs, to another."""
    shift = np.log(wanted / (1 - wanted)) - np.log(fitted / (1 - fitted))
    return calibrator.model_copy(update={"bias": calibrator.bias + float(shift)})


def round_coefficients(calibrator: Calibrator) -> Calibrator:
    """Round to five digits; further digits are not significant and differ between machines."""
    coefficients = calibrator.model_dump(by_alias=False)
    return Calibrator(**{name: float(f"{value:.5g}") for name, value in coefficients.items()})


def fit_mixing_factor(logits_QE: Sequence[Float64], relevant_QE: Bool, prior: float) -> float:
    """Fit the factor of what several components of a query add to the log-odds of the prior.

    Each array has the log-odds of one component. The factor with the lowest log loss is chosen from
    a grid.
    """
    start = log_odds(prior)
    added_QE = sum(logits - start for logits in logits_QE)
    labels = relevant_QE.astype(np.float64)
    losses = [log_loss(start + factor * added_QE, labels) for factor in _MIXING_FACTORS]
    return float(_MIXING_FACTORS[int(np.argmin(losses))])
