"""Components of a calibration: logistic regression, texts, short queries, calibrators."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.data.query_texts import (
    assign_split,
    draw_excerpt,
    draw_keyboard_noise,
    draw_noun_phrases,
    make_file_name,
    phrase_as_queries,
    read_lines,
    read_split_lines,
)
from mm.data.short_queries import draw_short_queries
from mm.errors import InvalidInput
from mm.numerics import normalize, sigmoid
from mm.spaces.calibration import Calibrator
from mm.spaces.scoring import compute_logits, linearize
from mm.training.calibration.calibrators import LabelledPairs, fit_calibrator, fit_mixing_factor, shift_prior
from mm.training.calibration.depictability import TextGroup, fit_text_classifier
from mm.training.logistic_regression import fit_logistic, log_loss

SETS = Path(__file__).parents[3] / "datasets"


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
    found = fit_logistic(features, right, weight, ridge)
    probability = sigmoid(features @ found[:-1] + found[-1])
    np.testing.assert_allclose(features.T @ (weight * (probability - right)) + ridge * found[:-1], 0, atol=1e-2)


def test_fit_logistic_of_separable_or_single_class_data_is_finite() -> None:
    features = np.array([[-1.0], [1.0]])
    assert np.isfinite(fit_logistic(features, np.array([0.0, 1.0]), np.ones(2), 1e-3)).all()
    assert np.isfinite(fit_logistic(features, np.zeros(2), np.ones(2), 1e-3)).all()
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(np.log(2))


def test_text_sets_do_not_overlap_and_dev_is_large_enough() -> None:
    queries = read_lines(SETS / "unanswerable" / "questions.txt")
    training = read_lines(SETS / "depictable" / "shown.txt") + read_lines(SETS / "depictable" / "unshown.txt")
    assert len(queries) == len({text.lower() for text in queries}) >= 200
    assert not {text.lower() for text in queries} & {text.lower() for text in training}
    dev, test = (read_split_lines(SETS / "unanswerable" / "questions.txt", split) for split in ("dev", "test"))
    assert sorted(dev + test) == sorted(queries)
    assert len(dev) >= 100


def test_assign_split_is_by_the_hash_of_the_text() -> None:
    text = "a question"
    assert assign_split(text) == ("dev" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "test")


def test_read_lines_of_a_missing_file_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.txt"):
        read_lines(tmp_path / "gone.txt")


def test_query_texts_are_deterministic() -> None:
    captions = ["A brown dog runs over the grass .", "Two children play with a ball ."]
    assert draw_noun_phrases(captions, 5, 0) == draw_noun_phrases(captions, 5, 0)
    assert draw_keyboard_noise(20, 1) == draw_keyboard_noise(20, 1) != draw_keyboard_noise(20, 2)
    assert all(text in query for text, query in zip(captions, phrase_as_queries(captions, 3), strict=True))
    assert make_file_name(captions[0]) == "brown dog runs"
    assert draw_excerpt("one two three four five six seven .", 0) in "one two three four five six seven"


def test_draw_short_queries_gives_relevant_and_known_images() -> None:
    captions = [
        ["a brown dog runs", "the dog is brown", "a dog"],
        ["a dog sleeps", "one dog rests"],
        ["a brown horse", "a horse"],
    ]
    found = {question.text.removeprefix("a "): question for question in draw_short_queries(captions, 1, 20, 0)}
    assert found["dog"].relevant.tolist() == [True, True, False]
    assert found["dog"].is_known.tolist() == [True, True, True]
    assert found["brown"].relevant.tolist() == [True, False, False]
    assert found["brown"].is_known.tolist() == [True, True, False]
    pairs = {question.text.removeprefix("a "): question for question in draw_short_queries(captions, 2, 20, 0)}
    assert pairs["brown dog"].relevant.tolist() == [True, False, False]
    assert draw_short_queries(captions, 9, 5, 0) == []


def directions(count: int, seed: int) -> np.ndarray:
    return np.stack([normalize(row) for row in np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)])


def test_fit_calibrator_gives_high_probabilities_to_relevant_pairs_only() -> None:
    evidence, bank = directions(80, 0), directions(60, 1)
    questions = np.stack([normalize(row) for row in evidence + 0.1 * directions(80, 2)])
    calibrator = fit_calibrator([(LabelledPairs(questions, evidence, np.eye(80, dtype=np.bool_)), bank)])
    found = sigmoid(compute_logits(calibrator, questions, evidence, bank))
    assert found.diagonal().mean() > 0.9
    assert found[~np.eye(80, dtype=np.bool_)].mean() < 0.01


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
    shown = np.linspace(-3, 0, 5)
    together = compute_logits(calibrator, questions, evidence, bank, shown)
    for row, question, one in zip(together, questions, shown.tolist(), strict=True):
        served = linearize(calibrator, question, bank, one)
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
    found = fresh @ weights[:-1] + weights[-1]
    assert (found[:100] > 0).mean() > 0.9
    assert (found[100:] < 0).mean() > 0.9


def test_shift_prior_multiplies_the_odds_by_the_ratio_of_prior_odds() -> None:
    calibrator = Calibrator(bias=-2.0, cosine=3.0, z_score=1.0, depictable=0.0)
    moved = shift_prior(calibrator, 0.001, 0.02)
    assert np.exp(moved.bias - calibrator.bias) == pytest.approx((0.02 / 0.98) / (0.001 / 0.999))
    assert moved.model_copy(update={"bias": calibrator.bias}) == calibrator
    assert shift_prior(moved, 0.02, 0.001).bias == pytest.approx(calibrator.bias)
