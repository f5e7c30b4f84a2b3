"""Classifies marked patches by kind: multinomial logistic regression.

Names of arrays end in their axes: N patches, D inputs, Q kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from mm.inspection.head.network import Inputs, measure_scales, widen_in_parts
from mm.numerics import Float32, Float64

PENALTY = 1.0
"""Weight of the squared length of the coefficients."""
MAX_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class KindClassifier:
    """Kinds, in alphabetical order, and the coefficients of each."""

    names: tuple[str, ...]
    weights_DQ: Float32
    bias_Q: Float32

    def predict(self, inputs_ND: Inputs) -> Float32:
        """Probabilities (N, Q) of the kinds of patches that are defective."""
        logits_NQ = np.concatenate([part_ND @ self.weights_DQ + self.bias_Q for part_ND in widen_in_parts(inputs_ND)])
        odds_NQ = np.exp(logits_NQ - logits_NQ.max(1, keepdims=True))
        return np.asarray(odds_NQ / odds_NQ.sum(1, keepdims=True), np.float32)


def fit_kinds(inputs_ND: Inputs, kinds: list[str]) -> KindClassifier:
    """Train on inputs of marked patches; every kind weighs the same.

    As in `fit_network`, the weights of the result take the inputs as they are.
    """
    inputs_ND = inputs_ND.astype(np.float32, copy=False)
    mean_D, scale_D = measure_scales(inputs_ND)
    names, number_N, count_Q = np.unique(np.array(kinds, dtype=object).astype(str), return_inverse=True, return_counts=True)
    num_inputs, num_kinds = inputs_ND.shape[1], len(names)
    weight_N = (len(kinds) / num_kinds / count_Q)[number_N]
    target_NQ = np.eye(num_kinds)[number_N]
    inputs = ((inputs_ND - mean_D) / scale_D).astype(np.float64)

    def measure(flat: Float64) -> tuple[float, Float64]:
        weights, bias = flat[:-num_kinds].reshape(num_inputs, num_kinds), flat[-num_kinds:]
        logits = inputs @ weights + bias
        logits -= logits.max(1, keepdims=True)
        log_probability = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        errors = weight_N[:, None] * (np.exp(log_probability) - target_NQ)
        loss = -float((weight_N[:, None] * target_NQ * log_probability).sum()) + PENALTY / 2 * float((weights**2).sum())
        gradient: npt.NDArray[np.float64] = np.concatenate([(inputs.T @ errors + PENALTY * weights).ravel(), errors.sum(0)])
        return loss, gradient

    start = np.zeros((num_inputs + 1) * num_kinds)
    fit = scipy.optimize.minimize(measure, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS})
    best = fit.x.astype(np.float32)
    weights_DQ: Float32 = best[:-num_kinds].reshape(num_inputs, num_kinds) / scale_D[:, None]
    return KindClassifier(tuple(map(str, names)), weights_DQ, best[-num_kinds:] - mean_D @ weights_DQ)
