"""The score of an image."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.scoring.score import mean_of_largest


@pytest.mark.parametrize(("share", "count"), [(0.03, 3), (0.001, 1), (1.0, 100)])
def test_mean_of_largest_equals_mean_of_sorted_values(share: float, count: int) -> None:
    distances = np.random.default_rng(0).random((100, 3)).astype(np.float32)
    expected = np.sort(distances, 0)[-count:].mean(0)
    np.testing.assert_allclose(mean_of_largest(distances, share), expected, rtol=1e-6)
