"""Logistic regression by Newton's method. Names of arrays end in their axes: N examples, F
features."""

from __future__ import annotations

import numpy as np

from mm.numerics import Float64, sigmoid

_STEPS, _ENOUGH = 50, 1e-8


def fit_logistic(features_NF: Float64, right_N: Float64, weight_N: Float64, ridge: float) -> Float64:
    """Coefficients (F + 1,), the last one the bias, of least weighted log loss plus ridge / 2 times
    their squared length.

    The bias is not shrunk. Steps are halved until the loss falls, so that the search always ends at
    the one minimum.
    """
    design = np.c_[features_NF, np.ones(len(features_NF))]
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 1e-9  # keeps the system solvable when all answers are the same
    found = np.zeros(design.shape[1])
    loss = _loss(design, right_N, weight_N, penalty, found)
    for _ in range(_STEPS):
        chance_N = sigmoid(design @ found)
        gradient = design.T @ (weight_N * (chance_N - right_N)) + penalty * found
        curvature = (design * (weight_N * chance_N * (1 - chance_N))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (tried := _loss(design, right_N, weight_N, penalty, found - size * step)) > loss and size > 1e-6:
            size /= 2
        if tried > loss:
            break
        found, before, loss = found - size * step, loss, tried
        if before - loss < _ENOUGH * max(abs(loss), 1e-12):
            break
    return found


def log_loss(logits: Float64, right: Float64) -> float:
    """Mean log loss of log-odds against what was right, 0 or 1."""
    return float(np.mean(np.logaddexp(0, logits) - right * logits))


def _loss(design: Float64, right_N: Float64, weight_N: Float64, penalty: Float64, found: Float64) -> float:
    logits_N = design @ found
    return float(weight_N @ (np.logaddexp(0, logits_N) - right_N * logits_N) + 0.5 * penalty @ (found * found))
