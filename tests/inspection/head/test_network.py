"""The network on patches and the classifier of kinds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mm.inspection.head import network as network_module
from mm.inspection.head.kinds import fit_kinds
from mm.inspection.head.network import NetworkSettings, PatchNetwork, compute_gradients, fit_network, measure_loss


def make_ring(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a plane; those within a ring are marked, which no line separates."""
    points = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    return points, np.abs(np.linalg.norm(points, axis=1) - 1.2) < 0.5


def test_compute_gradients_equal_differences_of_the_loss() -> None:
    inputs, marked = make_ring(40)
    random = np.random.default_rng(1)
    weights = random.uniform(0.5, 2, 40)
    parameters = [random.normal(size=shape) for shape in ((2, 5), (5,), (5,), (1,))]

    def loss(values: list[np.ndarray]) -> float:
        return measure_loss(PatchNetwork(values[0], values[1], values[2], float(values[3][0])), inputs, marked, weights)

    for index, gradient in enumerate(compute_gradients(parameters, inputs.astype(np.float64), marked, weights)):
        for place in np.ndindex(gradient.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [each.copy() for each in parameters]
                moved[index][place] += step
                ends.append(loss(moved))
            assert abs((ends[0] - ends[1]) / 2e-5 - gradient[place]) < 2e-4


def test_fit_network_separates_a_ring() -> None:
    inputs, marked = make_ring(2000)
    settings = NetworkSettings(hidden=16, epochs=40, batch=64, rate=1e-2)
    network = fit_network(inputs, marked, np.ones(len(inputs), np.float32), settings, seed=0)
    assert ((network.predict(inputs) > 0) == marked).mean() > 0.9


def test_fit_network_with_one_seed_is_repeatable() -> None:
    inputs, marked = make_ring(100)
    first, second = (fit_network(inputs, marked, np.ones(100, np.float32), NetworkSettings(), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.hidden_DK, second.hidden_DK)


def test_fit_kinds_equals_scikit_learn_with_balanced_kinds() -> None:
    random = np.random.default_rng(2)
    number = np.repeat([0, 1, 2], [60, 20, 10])
    inputs = (random.normal(size=(90, 4)) + np.eye(4)[number] * 2).astype(np.float32)
    names = [("hole", "crack", "break")[each] for each in number]
    kinds = fit_kinds(inputs, names)
    standardised = (inputs - inputs.mean(0)) / inputs.std(0)
    expected = LogisticRegression(class_weight="balanced", max_iter=1000, tol=1e-8).fit(standardised, names)
    assert kinds.names == ("break", "crack", "hole")
    np.testing.assert_allclose(kinds.predict(inputs), expected.predict_proba(standardised), atol=5e-3)


def test_predict_of_float16_in_parts_equals_one_pass_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = make_ring(300)[0].astype(np.float16)
    network = fit_network(inputs.astype(np.float32), make_ring(300)[1], np.ones(300, np.float32), NetworkSettings(), seed=0)
    whole = network.predict(inputs.astype(np.float32))
    monkeypatch.setattr(network_module, "ROWS", 64)
    np.testing.assert_allclose(network.predict(inputs), whole, atol=1e-5)
    assert network.predict(inputs[:0]).shape == (0,)


def test_fit_network_with_dropout_does_not_rest_on_one_of_two_equal_inputs() -> None:
    random = np.random.default_rng(5)
    marked = random.random(2000) < 0.5
    inputs = np.repeat((marked * 2.0 - 1)[:, None], 2, 1) + random.normal(0, 0.3, (2000, 2))
    inputs = inputs.astype(np.float32)
    network = fit_network(inputs, marked, np.ones(2000, np.float32), NetworkSettings(dropout=0.5), seed=0)
    for column in range(2):
        alone = inputs.copy()
        alone[:, column] = 0
        assert ((network.predict(alone) > 0) == marked).mean() > 0.95
