"""The first part of the ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mm.errors import InvalidInput
from mm.metrics.auc import auc, partial_auc


@pytest.mark.parametrize("max_rate", [0.03, 0.1, 0.5])
def test_partial_auc_equals_scikit_learn(max_rate: float) -> None:
    random = np.random.default_rng(0)
    labels = random.random(200) < 0.4
    scores = np.round(random.normal(size=200) + labels, 1)  # with ties
    standardised = roc_auc_score(labels, scores, max_fpr=max_rate)
    smallest = max_rate**2 / 2
    expected = (2 * standardised - 1) * (max_rate - smallest) + smallest
    assert partial_auc(scores, labels, max_rate) * max_rate == pytest.approx(expected)


def test_partial_auc_up_to_1_equals_auc() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(50) < 20
    scores = np.round(random.normal(size=50), 1)
    assert partial_auc(scores, labels, 1.0) == pytest.approx(auc(scores, labels))


def test_partial_auc_of_one_class_or_a_wrong_rate_is_refused() -> None:
    with pytest.raises(InvalidInput, match="positive and negative"):
        partial_auc(np.zeros(3), np.ones(3, bool), 0.1)
    with pytest.raises(InvalidInput, match="above 0"):
        partial_auc(np.zeros(2), np.array([True, False]), 0.0)
