"""Calibrators, the mixing factor and depictability, on data with known results."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mm.numerics import normalize, sigmoid
from mm.spaces.calibration import Calibrator
from mm.spaces.scoring import compute_logits, linearize
from mm.training.calibration.calibrators import LabelledPairs, fit_calibrator, fit_mixing_factor, shift_prior
from mm.training.calibration.depictability import TextGroup, fit_text_classifier


def directions(count: int, seed: int) -> np.ndarray:
    return np.stack([normalize(row) for row in np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)])


def test_fit_calibrator_gives_high_probabilities_to_relevant_pairs_only() -> None:
    evidence, bank = directions(80, 0), directions(60, 1)
    questions = np.stack([normalize(row) for row in evidence + 0.1 * directions(80, 2)])
    calibrator = fit_calibrator([(LabelledPairs(questions, evidence, np.eye(80, dtype=np.bool_)), bank)])
    probabilities = sigmoid(compute_logits(calibrator, questions, evidence, bank))
    assert probabilities.diagonal().mean() > 0.9
    assert probabilities[~np.eye(80, dtype=np.bool_)].mean() < 0.01


def test_fit_calibrator_gives_relevant_items_of_a_query_the_weight_of_one() -> None:
    """Queries with many relevant items get the log-odds of queries with one, at equal cosine."""
    random = np.random.default_rng(0)
    evidence, bank = directions(400, 3), directions(60, 4)
    questions = directions(200, 5)
    right = random.random((200, 400)) < 0.1
    calibrator = fit_calibrator([(LabelledPairs(questions, evidence, right), bank)])
    assert sigmoid(compute_logits(calibrator, questions, evidence, bank)).mean() == pytest.approx(1 / 361, rel=0.1)


def test_compute_logits_equals_linearize() -> None:
    calibrator = Calibrator(bias=-3.0, cosine=4.0, z_score=1.5, depictable=1.0)
    questions, evidence, bank = directions(5, 6), directions(9, 7), directions(50, 8)
    log_depictabilities = np.linspace(-3, 0, 5)
    together = compute_logits(calibrator, questions, evidence, bank, log_depictabilities)
    for row, question, log_depictability in zip(together, questions, log_depictabilities.tolist(), strict=True):
        served = linearize(calibrator, question, bank, log_depictability)
        np.testing.assert_allclose(row, evidence @ served.weight + served.bias, rtol=1e-4, atol=1e-4)


def test_fit_mixing_factor_of_the_same_evidence_twice_is_a_half() -> None:
    random = np.random.default_rng(9)
    prior = 0.01
    truth = np.log(prior / (1 - prior)) + random.normal(0, 2, (200, 200))
    right = random.random((200, 200)) < sigmoid(truth)
    assert fit_mixing_factor([truth, truth], right, prior) == pytest.approx(0.5, abs=0.06)


def test_fit_text_classifier_generalises_to_new_texts() -> None:
    """Texts are replaced by vectors with one informative axis."""

    def embed(texts: object) -> np.ndarray:
        rows = []
        for text in texts:  # type: ignore[attr-defined]
            noise = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])).normal(0, 0.5, 12)
            noise[0] += 1.0 if text.startswith("shown") else -1.0
            rows.append(normalize(noise.astype(np.float32)))
        return np.stack(rows)

    groups = [TextGroup([f"shown {n}" for n in range(300)], True, 1.0), TextGroup([f"other {n}" for n in range(100)], False, 1.0)]
    weights = fit_text_classifier(groups, embed)
    fresh = embed([f"shown new {n}" for n in range(100)] + [f"other new {n}" for n in range(100)])
    logits = fresh @ weights[:-1] + weights[-1]
    assert (logits[:100] > 0).mean() > 0.9
    assert (logits[100:] < 0).mean() > 0.9


def test_shift_prior_multiplies_the_odds_by_the_ratio_of_prior_odds() -> None:
    calibrator = Calibrator(bias=-2.0, cosine=3.0, z_score=1.0, depictable=0.0)
    moved = shift_prior(calibrator, 0.001, 0.02)
    assert np.exp(moved.bias - calibrator.bias) == pytest.approx((0.02 / 0.98) / (0.001 / 0.999))
    assert moved.model_copy(update={"bias": calibrator.bias}) == calibrator
    assert shift_prior(moved, 0.02, 0.001).bias == pytest.approx(calibrator.bias)
