"""Mean average precision over classes, accuracy and AUROC equal scikit-learn, with ties."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from mm.errors import InvalidInput
from mm.metrics import one_hot_relevance, recall_at
from mm.metrics.auc import auc
from mm.metrics.detections import classification_map


@pytest.mark.parametrize("num_values", [1, 3, 10_000], ids=["all equal", "many ties", "few ties"])
@pytest.mark.parametrize("seed", range(3))
def test_classification_map_without_interpolation_equals_scikit_learn(seed: int, num_values: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, num_values, (40, 6)) / num_values
    relevant = random.random((40, 6)) < 0.2
    relevant[:, 0], relevant[:, 1], relevant[:, 2] = True, False, np.arange(40) == 7
    expected = average_precision_score(relevant[:, relevant.any(0)], scores[:, relevant.any(0)], average="macro")
    assert classification_map(scores, relevant, interpolated=False).value == pytest.approx(expected)


def test_classification_map_of_no_positive_is_refused() -> None:
    with pytest.raises(InvalidInput):
        classification_map(np.ones((4, 2)), np.zeros((4, 2), bool), interpolated=False)


def test_top_1_accuracy_equals_scikit_learn() -> None:
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(50, 4)), random.integers(0, 4, 50)
    assert recall_at(scores, one_hot_relevance(labels, 4), 1).mean() == pytest.approx(accuracy_score(labels, scores.argmax(1)))


def test_auc_of_equal_scores_is_half_as_in_scikit_learn() -> None:
    labels = np.array([True, False, False])
    assert auc(np.ones(3), labels) == roc_auc_score(labels, np.ones(3)) == 0.5
