"""Measures of rankings, against scikit-learn and against the code that defines them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from mm.errors import InvalidInput
from mm.metrics import average_precision_at, first_ranks, one_hot_relevance, recall_at


def apk(actual: list[int], predicted: list[int], k: int) -> float:
    """AP@k as `ml_metrics.apk` computes it, the usual definition of mAP@k
    (github.com/benhamner/Metrics, BSD)."""
    score, hits = 0.0, 0.0
    for place, item in enumerate(predicted[:k]):
        if item in actual and item not in predicted[:place]:
            hits += 1.0
            score += hits / (place + 1.0)
    return score / min(len(actual), k)


@st.composite
def rankings(draw: st.DrawFn, *, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores (Q, E) and relevance, with at least one relevant item a query."""
    questions, things = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    values = st.integers(0, 3) if ties else st.integers(-(10**6), 10**6)
    row = st.lists(values, min_size=things, max_size=things, unique=not ties)
    scores = np.array(draw(st.lists(row, min_size=questions, max_size=questions)), np.float32)
    right = np.array([[draw(st.booleans()) for _ in range(things)] for _ in range(questions)])
    right[np.arange(questions), [draw(st.integers(0, things - 1)) for _ in range(questions)]] = True
    return scores, right


def worst_order(scores: np.ndarray, right: np.ndarray) -> list[int]:
    """Best first; among ties the irrelevant first."""
    return sorted(range(len(scores)), key=lambda thing: (-scores[thing], right[thing]))


@given(rankings(ties=True), st.integers(1, 10))
def test_average_precision_at_equals_apk_of_ml_metrics(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    scores, right = case
    expected = [
        apk(np.flatnonzero(right_E).tolist(), worst_order(row, right_E), k) for row, right_E in zip(scores, right, strict=True)
    ]
    assert average_precision_at(scores, right, k) == pytest.approx(expected)


@settings(max_examples=25)  # scikit-learn checks its input for long
@given(rankings(ties=False))
def test_average_precision_at_all_equals_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = case
    expected = [average_precision_score(right_E, row) for row, right_E in zip(scores, right, strict=True)]
    assert average_precision_at(scores, right, scores.shape[1]) == pytest.approx(expected)


def test_recall_at_with_one_relevant_item_equals_top_k_accuracy_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    scores, right = random.normal(size=(200, 10)), random.integers(0, 10, 200)
    for k in (1, 3, 5):
        mean_recall = recall_at(scores, one_hot_relevance(right, 10), k).mean()
        assert mean_recall == pytest.approx(top_k_accuracy_score(right, scores, k=k, labels=range(10)))


@given(rankings(ties=True), st.integers(1, 9))
def test_first_ranks_and_recall_at_equal_their_definition(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    scores, right = case
    expected = [
        1 + [bool(right_E[thing]) for thing in worst_order(row, right_E)].index(True)
        for row, right_E in zip(scores, right, strict=True)
    ]
    # A rank counts wrong answers alone: the best right one has no right one before it.
    assert first_ranks(scores, right).tolist() == expected
    assert recall_at(scores, right, k).tolist() == [float(rank <= k) for rank in expected]


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        (np.ones(3), np.ones(3, bool)),
        (np.ones((2, 3)), np.ones((3, 2), bool)),
        (np.ones((0, 3)), np.ones((0, 3), bool)),
        (np.array([[1.0, np.nan]]), np.array([[True, False]])),
        (np.ones((2, 2)), np.array([[True, False], [False, False]])),
    ],
    ids=["no matrix", "other shape", "empty", "not finite", "nothing is right"],
)
@pytest.mark.parametrize(
    "measure", [first_ranks, lambda *case: recall_at(*case, 1), lambda *case: average_precision_at(*case, 1)]
)
def test_ranking_measures_of_invalid_input_raise_invalid_input(
    scores: np.ndarray, right: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    with pytest.raises(InvalidInput):
        measure(scores, right)


def test_ranking_with_k_of_zero_or_index_outside_raises_invalid_input() -> None:
    scores, right = np.ones((1, 2)), np.array([[True, False]])
    for measure in (recall_at, average_precision_at):
        with pytest.raises(InvalidInput):
            measure(scores, right, 0)
    for number in (-1, 2):
        with pytest.raises(InvalidInput):
            one_hot_relevance(np.array([number]), 2)
