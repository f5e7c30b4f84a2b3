"""Fits the forms: from a cosine and its standard measure to log-odds that the evidence answers.

Names of arrays end in their axes: Q questions, E evidence, B bank, D dimensions.
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
_MIXINGS = np.linspace(0.3, 1.2, 37)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPairs:
    """Questions against evidence, and which pairs are right. `counts` is False for pairs that are
    neither."""

    questions: Vectors  # (Q, D)
    evidence: Vectors  # (E, D)
    right: Bool  # (Q, E)
    counts: Bool | None = None  # (Q, E)
    weight: Float64 | None = None  # (Q,)


def fit_form(asked: LabelledPairs, bank_BD: Vectors, *, depictable: float = 0.0) -> Calibrator:
    """Logistic regression of right on cosine and standard measure, over all pairs.

    The right answers of a question share the weight of one: the form holds for a library in which
    one thing is right, whether the question was 'dog' or twelve words long.
    """
    cosines_QE, standards_QE = compute_cosines(asked.questions, asked.evidence, bank_BD)
    weight_QE = np.ones(cosines_QE.shape) if asked.weight is None else np.repeat(asked.weight[:, None], cosines_QE.shape[1], 1)
    if asked.counts is not None:
        weight_QE *= asked.counts
    weight_QE /= np.where(asked.right, asked.right.sum(1, keepdims=True), 1)
    features = np.stack([cosines_QE.ravel(), standards_QE.ravel()], axis=1)
    cosine, standard, bias = fit_logistic(features, asked.right.ravel().astype(np.float64), weight_QE.ravel(), _RIDGE)
    return Calibrator(bias=float(bias), cosine=float(cosine), z_score=float(standard), depictable=depictable)


def shift_prior(form: Calibrator, seen: float, wanted: float) -> Calibrator:
    """A form fitted where one pair in 1 / `seen` was right, for a library in which one in 1 /
    `wanted` is (Bayes' rule)."""
    shift = log_odds(wanted) - log_odds(seen)
    return form.model_copy(update={"bias": form.bias + shift})


def round_coefficients(form: Calibrator) -> Calibrator:
    """Five digits: more would say nothing and change with every machine."""
    return Calibrator(**{name: float(f"{value:.5g}") for name, value in form.model_dump().items()})


def fit_mixing(parts_QE: Sequence[Float64], right_QE: Bool, prior: float) -> float:
    """How much of each part's log-odds above the prior counts where two parts look at the same
    evidence, by least log loss."""
    before = log_odds(prior)
    above_QE = sum(part - before for part in parts_QE)
    right = right_QE.astype(np.float64)
    losses = [log_loss(before + mixing * above_QE, right) for mixing in _MIXINGS]
    return float(_MIXINGS[int(np.argmin(losses))])
