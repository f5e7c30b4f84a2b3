"""Logistic regression on data with known coefficients, and on degenerate data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.numerics import sigmoid
from mm.training.logistic_regression import fit_logistic, log_loss


def test_fit_logistic_recovers_the_coefficients_of_the_data() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(40_000, 2))
    right = (random.random(40_000) < sigmoid(features @ [1.5, -0.7] - 2.0)).astype(float)
    np.testing.assert_allclose(fit_logistic(features, right, np.ones(40_000), 1e-6), [1.5, -0.7, -2.0], atol=0.1)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.01, 10))
def test_fit_logistic_gradient_is_zero_at_the_result(seed: int, ridge: float) -> None:
    random = np.random.default_rng(seed)
    features, weight = random.normal(size=(50, 3)) * 5, random.random(50)
    right = (random.random(50) < 0.3).astype(float)
    coefficients = fit_logistic(features, right, weight, ridge)
    probability = sigmoid(features @ coefficients[:-1] + coefficients[-1])
    np.testing.assert_allclose(features.T @ (weight * (probability - right)) + ridge * coefficients[:-1], 0, atol=1e-2)


def test_fit_logistic_of_separable_or_single_class_data_is_finite() -> None:
    features = np.array([[-1.0], [1.0]])
    assert np.isfinite(fit_logistic(features, np.array([0.0, 1.0]), np.ones(2), 1e-3)).all()
    assert np.isfinite(fit_logistic(features, np.zeros(2), np.ones(2), 1e-3)).all()
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(np.log(2))
