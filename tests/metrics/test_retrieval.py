"""Recall at k against its plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics import Interval, Measure, Report, Retrieval, recall, recall_of_vectors, retrieval_report

KS = (1, 2, 5, 10)


def plain_recall(scores: list[list[int]], image_of: list[int], k: int) -> tuple[float, float]:
    """Both recalls by sorting; ties rank before the relevant item."""
    captions_found = 0
    for caption, picture in enumerate(image_of):
        ranked = sorted(range(len(scores)), key=lambda row: (-scores[row][caption], row == picture))
        captions_found += picture in ranked[:k]
    pictures_found = 0
    for picture, row in enumerate(scores):
        ranked = sorted(range(len(row)), key=lambda column: (-row[column], image_of[column] == picture))
        pictures_found += any(image_of[column] == picture for column in ranked[:k])
    return 100 * captions_found / len(image_of), 100 * pictures_found / len(set(image_of))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Scores of few values, so that ties are common, and a random image for each caption."""
    num_images, num_captions = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    row = st.lists(st.integers(0, 4), min_size=num_captions, max_size=num_captions)
    scores = draw(st.lists(row, min_size=num_images, max_size=num_images))
    return scores, draw(st.lists(st.integers(0, num_images - 1), min_size=num_captions, max_size=num_captions))


@given(cases())
def test_recall_equals_its_definition(case: tuple[list[list[int]], list[int]]) -> None:
    scores, image_of = case
    recalls = recall(np.array(scores, np.float32), np.array(image_of), KS)
    for k in KS:
        text_to_image, image_to_text = plain_recall(scores, image_of, k)
        assert recalls.text_to_image[k] == pytest.approx(text_to_image)
        assert recalls.image_to_text[k] == pytest.approx(image_to_text)


def test_recall_of_vectors_scores_by_inner_product() -> None:
    random = np.random.default_rng(0)
    pictures, captions = random.normal(size=(7, 4)).astype(np.float16), random.normal(size=(20, 4)).astype(np.float16)
    image_of = random.integers(0, 7, 20)
    scores = pictures.astype(np.float32) @ captions.astype(np.float32).T
    assert recall_of_vectors(pictures, captions, image_of) == recall(scores, image_of)


def test_retrieval_table_has_a_row_for_each_direction() -> None:
    assert Retrieval({1: 25.04, 10: 100.0}, {1: 50.0, 10: 75.0}).table().splitlines() == [
        "| | R@1 | R@10 |",
        "| --- | --- | --- |",
        "| text to image | 25.0 | 100.0 |",
        "| image to text | 50.0 | 75.0 |",
    ]


def test_retrieval_report_has_the_recalls_with_intervals() -> None:
    random = np.random.default_rng(0)
    scores, image_of = random.normal(size=(9, 30)), np.repeat(np.arange(10), 3) % 8  # the last picture has no caption
    scores[image_of, np.arange(30)] += 1
    report, plain = retrieval_report("few of many", scores, image_of), recall(scores, image_of)
    intervals = {measure.name: measure.interval for measure in report.measures}
    for way, recalls in (("text to image", plain.text_to_image), ("image to text", plain.image_to_text)):
        for k in (1, 5, 10):
            assert 100 * intervals[f"{way}, R@{k}"].value == pytest.approx(recalls[k])
        assert intervals[f"{way}, median rank"].value >= 1
        assert intervals[f"{way}, R@1"].value <= intervals[f"{way}, mAP@5"].value or way == "image to text"
    assert all(interval.low <= interval.value <= interval.high for interval in intervals.values())


def test_report_formats_as_table_and_json() -> None:
    report = Report(
        "ten", (Measure("R@1", Interval(0.5, 0.25, 0.75)), Measure("median rank", Interval(3, 2, 4.5), is_share=False))
    )
    assert report.table().splitlines() == [
        "ten:",
        "",
        "| measure | value | 95 % interval |",
        "| --- | --- | --- |",
        "| R@1 | 50.0 | 25.0 to 75.0 |",
        "| median rank | 3 | 2 to 4.5 |",
    ]
    assert report.record()["measures"][0] == {"name": "R@1", "value": 0.5, "low": 0.25, "high": 0.75}


def test_recall_of_equal_scores_is_zero() -> None:
    """A tower that has collapsed to one vector has a recall of 0."""
    recalls = recall(np.ones((20, 20), np.float32), np.arange(20), (1, 19))
    assert recalls == Retrieval({1: 0.0, 19: 0.0}, {1: 0.0, 19: 0.0})


@pytest.mark.parametrize(
    ("scores", "image_of", "ks"),
    [
        (np.ones((2, 3)), np.array([0, 1]), (1,)),
        (np.ones(3), np.array([0, 0, 0]), (1,)),
        (np.ones((0, 0)), np.zeros(0, int), (1,)),
        (np.ones((2, 2)), np.array([0, 2]), (1,)),
        (np.ones((2, 2)), np.array([0, -1]), (1,)),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), np.array([0, 1]), (1,)),
        (np.ones((2, 2)), np.array([0, 1]), (0,)),
    ],
    ids=["too few owners", "no matrix", "empty", "no such picture", "negative picture", "not finite", "k of 0"],
)
def test_recall_of_invalid_input_raises_invalid_input(scores: np.ndarray, image_of: np.ndarray, ks: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        recall(scores, image_of, ks)
