"""Retrieval, accuracy and calibration equal torchmetrics; where they differ, the test says how."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error, multiclass_accuracy, multiclass_calibration_error
from torchmetrics.functional.retrieval import retrieval_average_precision, retrieval_hit_rate

from mm.metrics import average_precision_at, one_hot_relevance, recall_at
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.inspection import bootstrap_calibration_error, calibration_error


def draw(seed: int, num_relevant: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct scores above 0, as torchmetrics takes them, of 20 queries and 12 items."""
    random = np.random.default_rng(seed)
    scores = (1 + random.permutation(20 * 12).reshape(20, 12)) / 241
    relevant = np.stack([random.permutation(np.arange(12) < num_relevant) for _ in range(20)])
    return scores.astype(np.float32), relevant


@pytest.mark.parametrize("k", [1, 5, 12])
@pytest.mark.parametrize("num_relevant", [1, 4, 12])
def test_retrieval_measures_equal_torchmetrics(num_relevant: int, k: int) -> None:
    """torchmetrics divides by the relevant items among the k best, and not by all, at most k."""
    scores, relevant = draw(num_relevant, num_relevant)
    found_Q = recall_at(scores, relevant, k)
    precision_Q = average_precision_at(scores, relevant, k)
    for row, target, found, precision in zip(scores, relevant, found_Q, precision_Q, strict=True):
        values, targets = torch.from_numpy(row), torch.from_numpy(target)
        num_found = int(target[np.argsort(-row)[:k]].sum())
        expected = float(retrieval_average_precision(values, targets, top_k=k))
        assert found == float(retrieval_hit_rate(values, targets, top_k=k))
        assert precision == pytest.approx(expected * num_found / min(k, num_relevant))


@pytest.mark.parametrize("num_classes", [2, 7])
def test_top_k_accuracy_equals_torchmetrics(num_classes: int) -> None:
    random = np.random.default_rng(num_classes)
    scores = random.random((60, num_classes)).astype(np.float32)
    labels = random.integers(0, num_classes, 60)
    for k in (1, 5)[: 1 + (num_classes > 5)]:
        expected = multiclass_accuracy(
            torch.from_numpy(scores), torch.from_numpy(labels), num_classes=num_classes, average="micro", top_k=k
        )
        assert recall_at(scores, one_hot_relevance(labels, num_classes), k).mean() == pytest.approx(float(expected))


def test_calibration_error_at_bin_edges_equals_torchmetrics() -> None:
    confidence = np.array([0.0, 0.25, 0.25, 0.5, 0.75, 0.75, 1.0, 1.0])
    right = np.array([0, 1, 0, 1, 1, 0, 1, 1], bool)
    for num_bins in (1, 4, 8):
        expected = binary_calibration_error(torch.tensor(confidence), torch.tensor(right).int(), n_bins=num_bins, norm="l1")
        assert calibration_error(confidence, right, num_bins) == pytest.approx(float(expected), abs=1e-6)
    assert calibration_error(np.ones(5), np.ones(5, bool)) == 0
    assert calibration_error(np.ones(5), np.zeros(5, bool)) == 1


def test_calibration_error_of_the_best_class_equals_torchmetrics() -> None:
    random = np.random.default_rng(1)
    scores = torch.softmax(torch.from_numpy(random.normal(size=(200, 5)) * 2), 1)
    labels = torch.from_numpy(random.integers(0, 5, 200))
    expected = multiclass_calibration_error(scores, labels, num_classes=5, n_bins=15, norm="l1")
    best, first = scores.max(1)
    right = (first == labels).numpy()
    assert calibration_error(best.numpy(), right) == pytest.approx(float(expected), abs=1e-6)
    interval = bootstrap_calibration_error(best.numpy(), right, np.arange(200) // 2)
    (plain,) = bootstrap_rows(
        200, np.arange(200) // 2, lambda rows: np.array([calibration_error(best.numpy()[rows], right[rows])])
    )
    assert [interval.value, interval.low, interval.high] == pytest.approx([plain.value, plain.low, plain.high])
