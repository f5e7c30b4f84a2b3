"""Shares that a floor keeps and rejects, and the choice of a floor."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.chart import Chart, Line
from mm.metrics.rejection import Scores, choose_floor, format_trade_offs, measure_trade_off, measure_trade_offs, split_scores

probabilities = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=60).map(np.array)


def test_split_scores_counts_relevant_items_among_the_top_five() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])
    relevant, removed = split_scores(scores, np.array([4, 5]))
    assert relevant.tolist() == [0.5]
    assert removed.tolist() == [0.9, 0.9]
    assert split_scores(scores[:1], np.array([0]))[1].tolist() == [0.8]


def test_split_scores_ranks_ties_before_the_relevant_item() -> None:
    relevant, _ = split_scores(np.full((1, 6), 0.5), np.array([0]))
    assert relevant.size == 0


@pytest.mark.parametrize("shape", [(3,), (2, 1), (4, 6)])
def test_split_scores_of_mismatched_shapes_raises_invalid_input(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        split_scores(np.zeros(shape), np.zeros(3, np.int64))


@given(probabilities, probabilities, st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_choose_floor_keeps_and_rejects_where_both_are_possible(
    relevant: np.ndarray, unanswerable: np.ndarray, kept_share: float, rejected_share: float
) -> None:
    scores = Scores(relevant, unanswerable, relevant)
    trade_off = measure_trade_off(scores, choose_floor(scores, kept_share, rejected_share))
    assert trade_off.kept >= kept_share - 1e-9
    possible = [point for point in measure_trade_offs(scores, np.unique([*relevant, *unanswerable])) if point.kept >= kept_share]
    if any(point.rejected > rejected_share for point in possible):
        assert trade_off.rejected >= rejected_share - 1e-9


@given(probabilities, probabilities, probabilities)
def test_trade_offs_are_monotonic_in_the_floor(relevant: np.ndarray, unanswerable: np.ndarray, removed: np.ndarray) -> None:
    points = measure_trade_offs(Scores(relevant, unanswerable, removed), np.linspace(0, 1, 20))
    for lower, higher in itertools.pairwise(points):
        assert higher.kept <= lower.kept
        assert higher.rejected >= lower.rejected
        assert higher.rejected_removed >= lower.rejected_removed
    assert len(format_trade_offs(points).splitlines()) == 2 + len(points)


def test_chart_to_svg_has_all_lines_and_names() -> None:
    chart = Chart("a < b", "x", (0.01, 0.1, 1.0), (Line("one", (0.0, 0.5, 1.0)), Line("two", (1.0, 0.5, 0.99))), 0.1)
    picture = ElementTree.fromstring(chart.to_svg())
    names = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert {"a < b", "one", "two", "floor 0.1"} <= set(names)
    assert sum(element.tag.endswith("polyline") for element in picture.iter()) == 2
    assert chart.to_svg() == chart.to_svg()
