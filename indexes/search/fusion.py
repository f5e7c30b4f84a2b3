"""Noisy-or fusion: the probability that at least one piece of evidence matches the query.

p = 1 - product over kinds of (1 - sigmoid(logit)), the kinds taken as independent. It is computed
and compared as a strength, -log(1 - p) = sum of softplus(logit): strengths add up over kinds, and
they still order segments whose p rounds to 1 in floating point.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def strengths_from_logits(logits: npt.ArrayLike) -> Floats:
    """Strengths of single pieces of evidence, >= 0; 0 for a logit of -inf."""
    return np.logaddexp(0.0, np.asarray(logits, dtype=np.float64))


def apply_negations(strength: Floats, negation: Floats) -> Floats:
    """Strengths of matching the query and none of its negations: p = (1 - e^-strength) e^-negation.

    `negation` is the strength of matching any negation. The result is at most `strength`, and equal
    to it where `negation` is 0.
    """
    with np.errstate(divide="ignore"):  # negation 0 and an infinite strength: log of 0
        fused: Floats = -np.log(np.exp(-strength - negation) - np.expm1(-negation))
    return np.minimum(fused, strength)


def probability_from_strength(strength: float) -> float:
    """p = 1 - e^-strength."""
    return -math.expm1(-strength)


def strength_from_probability(probability: float) -> float:
    """-log(1 - p) for p in [0, 1]; infinite for 1."""
    return math.inf if probability >= 1.0 else -math.log1p(-probability)
