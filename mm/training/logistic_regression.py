"""Logistic regression by Newton's method, with weighted examples and a ridge penalty.

Used in place of scikit-learn's, which the base install does not have (`mm train actions` runs in
it) and which refuses labels of a single class. Names of arrays end in their axes: N examples, F
features.
"""

from __future__ import annotations

import numpy as np

from mm.numerics import Float64, sigmoid

_MAX_STEPS, _TOLERANCE = 50, 1e-8


def fit_logistic(features_NF: Float64, labels_N: Float64, weight_N: Float64, ridge: float) -> Float64:
    """Fit coefficients (F + 1,), the bias last, to labels of 0 and 1.

    Minimises the weighted log loss plus ridge / 2 times the squared length of the coefficients
    without the bias. A step is halved until the loss falls, so that the search converges.
    """
    design = np.c_[features_NF, np.ones(len(features_NF))]
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 1e-9  # keeps the system solvable when all labels are the same
    coefficients = np.zeros(design.shape[1])
    loss = _penalized_loss(design, labels_N, weight_N, penalty, coefficients)
    for _ in range(_MAX_STEPS):
        probability_N = sigmoid(design @ coefficients)
        gradient = design.T @ (weight_N * (probability_N - labels_N)) + penalty * coefficients
        curvature = (design * (weight_N * probability_N * (1 - probability_N))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (
            next_loss := _penalized_loss(design, labels_N, weight_N, penalty, coefficients - size * step)
        ) > loss and size > 1e-6:
            size /= 2
        if next_loss > loss:
            break
        coefficients, previous_loss, loss = coefficients - size * step, loss, next_loss
        if previous_loss - loss < _TOLERANCE * max(abs(loss), 1e-12):
            break
    return coefficients


def log_loss(logits: Float64, labels: Float64) -> float:
    """Mean log loss of log-odds against labels of 0 and 1."""
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def _penalized_loss(design: Float64, labels_N: Float64, weight_N: Float64, penalty: Float64, coefficients: Float64) -> float:
    logits_N = design @ coefficients
    return float(weight_N @ (np.logaddexp(0, logits_N) - labels_N * logits_N) + 0.5 * penalty @ (coefficients * coefficients))
