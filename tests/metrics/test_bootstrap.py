"""Bootstrap intervals: equal to those of SciPy, and properties that hold for any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipys

from mm.errors import InvalidInput
from mm.metrics import Interval, bootstrap


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_bootstrap_equals_scipy(statistic: object) -> None:
    values = np.random.default_rng(1).gamma(2.0, size=400)
    expected = scipys(
        (values,), statistic, n_resamples=2000, vectorized=True, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    interval = bootstrap(values, None, statistic)  # type: ignore[arg-type]
    width = expected.high - expected.low
    assert interval.value == statistic(values)  # type: ignore[operator]
    assert [interval.low, interval.high] == pytest.approx([expected.low, expected.high], abs=0.15 * width)


def test_bootstrap_with_groups_samples_whole_groups() -> None:
    """Five equal values in each group give the interval of one value a group."""
    values = np.random.default_rng(3).normal(size=60)
    one_each = bootstrap(values)
    five_each = bootstrap(np.repeat(values, 5), np.repeat(np.arange(60), 5))
    assert [five_each.value, five_each.low, five_each.high] == pytest.approx([one_each.value, one_each.low, one_each.high])
    alone = bootstrap(np.repeat(values, 5))
    assert alone.high - alone.low < 0.6 * (five_each.high - five_each.low)


@settings(max_examples=8)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.data())
def test_bootstrap_interval_is_within_the_values_and_deterministic(values: list[float], data: st.DataObject) -> None:
    groups = np.array([data.draw(st.integers(0, 4)) for _ in values])
    interval = bootstrap(np.array(values), groups)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert bootstrap(np.array(values), groups) == interval


def test_bootstrap_accepts_booleans() -> None:
    assert bootstrap(np.array([True, True])) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "groups"),
    [(np.empty(0), None), (np.ones((2, 2)), None), (np.ones(3), np.zeros(2, int))],
    ids=["none", "matrix", "groups"],
)
def test_bootstrap_of_invalid_values_raises_invalid_input(values: np.ndarray, groups: np.ndarray | None) -> None:
    with pytest.raises(InvalidInput):
        bootstrap(values, groups)
