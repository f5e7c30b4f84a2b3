"""Bounds of proportions."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from mm.errors import InvalidInput
from mm.inspection.thresholds.binomial import add_observations, clopper_pearson
from mm.inspection.types import Threshold


@pytest.mark.parametrize(("hits", "trials"), [(0, 8), (1, 8), (8, 8), (5, 99), (29, 29)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_clopper_pearson_equals_scipy(hits: int, trials: int, confidence: float) -> None:
    expected = binomtest(hits, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(hits, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_clopper_pearson_without_trials_is_everything() -> None:
    assert clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize(("hits", "trials", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_clopper_pearson_invalid_counts_are_refused(hits: int, trials: int, confidence: float) -> None:
    with pytest.raises(InvalidInput):
        clopper_pearson(hits, trials, confidence)


def test_add_observations_stores_rate_and_interval() -> None:
    threshold = add_observations(Threshold(1.0, 0.05, 30, 30, 1 / 31, (0, 0.2)), 2, 50)
    assert threshold.rate_observed == 0.04
    assert threshold.interval == clopper_pearson(2, 50)
    with pytest.raises(InvalidInput):
        add_observations(threshold, 0, 0)
