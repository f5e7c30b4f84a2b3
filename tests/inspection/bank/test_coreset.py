"""Selection of a coreset."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.bank.coreset import select_coreset, select_coreset_reference


@pytest.mark.parametrize("seed", range(3))
def test_select_coreset_equals_reference(seed: int) -> None:
    points = np.random.default_rng(seed).standard_normal((200, 16)).astype(np.float32)
    rows = select_coreset(points, 40, seed)
    np.testing.assert_array_equal(rows, select_coreset_reference(points, 40, int(rows[0])))


def test_select_coreset_covers_better_than_random_rows() -> None:
    random = np.random.default_rng(5)
    centres = random.standard_normal((20, 100)).astype(np.float32) * 10
    points = (centres[random.integers(0, 20, 1000) ** 2 // 20] + random.normal(0, 0.1, (1000, 100))).astype(np.float32)

    def cover(rows: np.ndarray) -> float:
        return float(np.linalg.norm(points[:, None] - points[rows], axis=2).min(1).max())

    assert cover(select_coreset(points, 20)) < 0.5 * cover(random.choice(1000, 20, replace=False))


def test_select_coreset_repeated_vectors_are_chosen_once() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32) + 1, 10, axis=0)
    assert sorted(select_coreset(points, 25) // 10) == [0, 1, 2]


@pytest.mark.parametrize(("size", "count"), [(0, 3), (5, 0)])
def test_select_coreset_nothing_to_choose_is_refused(size: int, count: int) -> None:
    with pytest.raises(InvalidInput):
        select_coreset(np.zeros((size, 4), np.float32), count)
