"""Boundaries in time: matching, F1, and change points against exhaustive search."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.boundaries import count_matches, f1_score
from mm.metrics.change_points import find_change_points

TIMES = st.lists(st.integers(0, 30), max_size=5, unique=True).map(sorted)


@given(predicted=TIMES, right=TIMES, tolerance=st.integers(0, 5))
def test_count_matches_equals_exhaustive_matching(predicted: list[int], right: list[int], tolerance: int) -> None:
    """The reference tries all matchings."""

    def count_by_brute_force(mine: list[int], theirs: list[int]) -> int:
        if not mine:
            return 0
        first, *rest = mine
        return max(
            [count_by_brute_force(rest, theirs)]
            + [
                1 + count_by_brute_force(rest, theirs[:at] + theirs[at + 1 :])
                for at, time in enumerate(theirs)
                if abs(time - first) <= tolerance
            ]
        )

    assert count_matches(predicted, right, tolerance) == count_by_brute_force(predicted, right)


def test_f1_score_is_the_harmonic_mean() -> None:
    assert f1_score(2, 4, 2) == pytest.approx(2 / (1 / 0.5 + 1 / 1.0))
    assert f1_score(0, 3, 0) == 0
    assert f1_score(0, 0, 0) == 1


def cost(rows: np.ndarray, edges: list[int], penalty: float) -> float:
    segments = np.split(rows, edges)
    return sum(((segment - segment.mean(0)) ** 2).sum() for segment in segments) + penalty * len(edges)


@given(seed=st.integers(0, 99), penalty=st.sampled_from((0.1, 0.5, 2.0)))
def test_find_change_points_minimises_the_cost(seed: int, penalty: float) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(8, 2)) + np.repeat(random.normal(size=(4, 2)) * 3, 2, axis=0)
    cheapest = min(cost(rows, list(edges), penalty) for count in range(8) for edges in combinations(range(1, 8), count))
    assert cost(rows, find_change_points(rows, penalty), penalty) == pytest.approx(cheapest)


def test_find_change_points_of_invalid_input_raises_invalid_input() -> None:
    for rows, penalty in ((np.zeros((0, 2)), 1.0), (np.zeros(3), 1.0), (np.zeros((3, 2)), 0.0)):
        with pytest.raises(InvalidInput):
            find_change_points(rows, penalty)
