"""Log-odds of a match, linear in the stored vector, from the vector of one query component.

Names of arrays end in their axes: Q queries, E evidence, B bank, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.numerics import Float64, log_odds, normalize
from mm.spaces.calibration import Bank, Calibrator
from mm.spaces.types import Vector, Vectors

MIN_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class BankStatistics:
    """Mean and standard deviation of the cosines of a query vector with a bank."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class LinearScore:
    """Log-odds weight @ v + bias for a stored unit vector v."""

    weight: Vector
    bias: float
    direction: Vector


def compute_bank_statistics(query: Vector, bank: Vectors) -> BankStatistics:
    """Statistics of a query vector (D,) against a bank (B, D)."""
    cosines = bank @ query
    return BankStatistics(float(cosines.mean()), max(float(cosines.std()), MIN_DEVIATION))


def linearize(calibrator: Calibrator, query: Vector, bank: Vectors, depictable: float) -> LinearScore:
    """Apply a calibrator to a query vector (D,) and its log-probability of being depictable."""
    statistics = compute_bank_statistics(query, bank)
    slope = calibrator.cosine + calibrator.z_score / statistics.deviation
    bias = calibrator.bias - calibrator.z_score * statistics.mean / statistics.deviation + calibrator.depictable * depictable
    return LinearScore((slope * query).astype(np.float32), bias, query)


def combine(scores: Sequence[tuple[LinearScore, float]], prior: float, evidence_weight: float) -> LinearScore:
    """Sum what each score adds to the log-odds of the prior, times the weight of its component.

    Several scores of the same evidence are not independent: each is multiplied by `evidence_weight`
    too.
    """
    if len(scores) == 1 and scores[0][1] == 1.0:
        return scores[0][0]
    prior_logit = log_odds(prior)
    factors = [factor * (evidence_weight if len(scores) > 1 else 1.0) for _, factor in scores]
    weight = np.stack([np.float32(factor) * score.weight for factor, (score, _) in zip(factors, scores, strict=True)]).sum(0)
    bias = prior_logit + sum(factor * (score.bias - prior_logit) for factor, (score, _) in zip(factors, scores, strict=True))
    return LinearScore(weight, bias, normalize(weight))


def compute_cosines(queries_QD: Vectors, evidence_ED: Vectors, bank_BD: Vectors) -> tuple[Float64, Float64]:
    """Cosines (Q, E), and the same in deviations above each query's mean over the bank."""
    cosines_QE = (queries_QD @ evidence_ED.T).astype(np.float64)
    statistics = [compute_bank_statistics(query, bank_BD) for query in queries_QD]
    mean_Q1 = np.array([[query.mean] for query in statistics])
    deviation_Q1 = np.array([[query.deviation] for query in statistics])
    return cosines_QE, (cosines_QE - mean_Q1) / deviation_Q1


def compute_logits(
    calibrator: Calibrator,
    queries_QD: Vectors,
    evidence_ED: Vectors,
    bank_BD: Vectors,
    depictable_Q: Float64 | None = None,
) -> Float64:
    """Log-odds (Q, E) of all pairs at once; equal to those of `linearize`."""
    cosines_QE, z_scores_QE = compute_cosines(queries_QD, evidence_ED, bank_BD)
    logits_QE: Float64 = calibrator.bias + calibrator.cosine * cosines_QE + calibrator.z_score * z_scores_QE
    return logits_QE if depictable_Q is None else logits_QE + calibrator.depictable * depictable_Q[:, None]


def depictable(text: Vector, bank: Bank) -> float:
    """Log-probability, at most 0, that a text vector (D,) describes something an image can show.

    The probability of a match is this probability times that of a match given that it is
    depictable. A sum of log-odds would be wrong: how well a caption can be depicted does not depend
    on the image.
    """
    return _log_sigmoid(text, bank.depictable)


def audible(text: Vector, bank: Bank) -> float:
    """Log-probability, at most 0, that a text vector (D,) describes something that can be heard."""
    return _log_sigmoid(text, bank.audible)


def _log_sigmoid(text: Vector, weights: Vector) -> float:
    return -float(np.logaddexp(0.0, -(text @ weights[:-1] + weights[-1])))
