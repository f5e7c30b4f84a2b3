"""Evidence into one number: the probability that at least one piece answers, its kinds taken as
independent.

p = 1 - product over kinds of (1 - sigmoid(logit)). Computed and compared as a strength, -log(1 - p)
= sum of softplus(logit): it adds up over kinds, and it still tells moments apart whose p is 1 in
floating point.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def strengths(logits: npt.ArrayLike) -> Floats:
    """Strengths of single pieces of evidence, >= 0; 0 for a logit of -inf."""
    return np.logaddexp(0.0, np.asarray(logits, dtype=np.float64))


def but_without(strength: Floats, against: Floats) -> Floats:
    """Strengths of answering and of not being what is asked against: p = (1 - e^-strength)
    e^-against, both taken as independent.

    `against` is the strength of what must not be there. Never more than `strength`, and `strength`
    itself where `against` is 0.
    """
    with np.errstate(divide="ignore"):  # where nothing is against it and the strength is infinite
        left: Floats = -np.log(np.exp(-strength - against) - np.expm1(-against))
    return np.minimum(left, strength)


def probability(strength: float) -> float:
    """The p of a strength."""
    return -math.expm1(-strength)


def strength_from_probability(probability: float) -> float:
    """The strength of a p in [0, 1]; infinite for 1."""
    return math.inf if probability >= 1.0 else -math.log1p(-probability)
