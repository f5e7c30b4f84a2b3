"""Intersection over union of time spans, against torchvision's boxes and its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from mm.errors import InvalidInput
from mm.metrics import iou, iou_recall

spans = st.tuples(st.integers(0, 50), st.integers(1, 30)).map(lambda span: (float(span[0]), float(span[0] + span[1])))
lists = st.lists(spans, min_size=1, max_size=6).map(np.array)


@given(lists, lists)
def test_iou_equals_box_iou_of_torchvision(ours: np.ndarray, theirs: np.ndarray) -> None:
    def boxes(rows: np.ndarray) -> torch.Tensor:
        return torch.tensor([(start, 0.0, end, 1.0) for start, end in rows], dtype=torch.float64)

    np.testing.assert_allclose(iou(ours, theirs), box_iou(boxes(ours), boxes(theirs)).numpy())


@given(
    st.lists(st.lists(spans, max_size=4), min_size=1, max_size=5), st.integers(1, 4), st.sampled_from([0.3, 0.5, 1.0]), st.data()
)
def test_iou_recall_equals_its_definition(
    answers: list[list[tuple[float, float]]], k: int, min_iou: float, data: st.DataObject
) -> None:
    right = [data.draw(spans) for _ in answers]

    def meets(span: tuple[float, float], other: tuple[float, float]) -> bool:
        shared = max(0.0, min(span[1], other[1]) - max(span[0], other[0]))
        return shared / (span[1] - span[0] + other[1] - other[0] - shared) >= min_iou

    expected = [float(any(meets(span, truth) for span in predicted[:k])) for predicted, truth in zip(answers, right, strict=True)]
    recalls = iou_recall([np.array(predicted).reshape(-1, 2) for predicted in answers], np.array(right), k, min_iou)
    assert recalls.tolist() == expected


@pytest.mark.parametrize(
    ("answers", "right", "k", "min_iou"),
    [
        ([np.array([[0.0, 0.0]])], np.array([[0.0, 1.0]]), 1, 0.5),
        ([np.array([[0.0, 1.0, 2.0]])], np.array([[0.0, 1.0]]), 1, 0.5),
        ([np.array([[0.0, 1.0]])], np.array([[np.nan, 1.0]]), 1, 0.5),
        ([], np.array([[0.0, 1.0]]), 1, 0.5),
        ([np.array([[0.0, 1.0]])], np.array([[0.0, 1.0]]), 0, 0.5),
        ([np.array([[0.0, 1.0]])], np.array([[0.0, 1.0]]), 1, 0.0),
    ],
    ids=["no length", "three columns", "not finite", "too few answers", "k of 0", "any span will do"],
)
def test_iou_recall_of_invalid_spans_or_arguments_raises_invalid_input(
    answers: list[np.ndarray], right: np.ndarray, k: int, min_iou: float
) -> None:
    with pytest.raises(InvalidInput):
        iou_recall(answers, right, k, min_iou)
