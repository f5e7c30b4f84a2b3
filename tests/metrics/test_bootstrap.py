"""Bootstrap intervals: equal to those of SciPy, and properties that hold for any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipys

from mm.errors import InvalidInput
from mm.metrics import Interval, bootstrap
from mm.metrics.bootstrap import bootstrap_rows


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


def test_bootstrap_rows_of_means_equals_bootstrap_of_each() -> None:
    values = np.random.default_rng(4).normal(size=(40, 3))
    groups = np.repeat(np.arange(10), 4)
    expected = [bootstrap(column, groups) for column in values.T]
    intervals = bootstrap_rows(40, groups, lambda rows: values[rows].mean(0))
    for interval, column in zip(intervals, expected, strict=True):
        assert [interval.value, interval.low, interval.high] == pytest.approx([column.value, column.low, column.high])


def test_bootstrap_rows_of_ratio_covers_it_as_often_as_stated() -> None:
    """The ratio of sums is 2 in the population; 95 of 100 intervals are expected to contain it."""
    random = np.random.default_rng(6)
    covered = 0
    for seed in range(60):
        below = random.gamma(2.0, size=80)
        above = 2 * below + random.normal(size=80)
        (interval,) = bootstrap_rows(80, None, lambda rows, a=above, b=below: np.array([a[rows].sum() / b[rows].sum()]), seed)  # type: ignore[misc]
        covered += interval.low <= 2 <= interval.high
    assert 51 <= covered <= 60


@pytest.mark.parametrize(("num_rows", "groups"), [(0, None), (3, np.zeros(2, int))], ids=["none", "groups"])
def test_bootstrap_rows_of_invalid_rows_raises_invalid_input(num_rows: int, groups: np.ndarray | None) -> None:
    with pytest.raises(InvalidInput):
        bootstrap_rows(num_rows, groups, lambda rows: np.ones(1))


def test_bootstrap_rows_with_strata_keeps_the_groups_of_each_stratum() -> None:
    strata = np.array([0] * 12 + [1] * 4)
    groups = np.array([5] * 6 + [2] * 6 + [9] * 2 + [2] * 2)
    counts: list[tuple[int, int]] = []

    def statistic(rows: np.ndarray) -> np.ndarray:
        counts.append((int((rows < 12).sum()), int((rows >= 12).sum())))
        return np.array([float((rows >= 12).mean())])

    (interval,) = bootstrap_rows(16, groups, statistic, strata_Q=strata)
    assert set(counts) == {(12, 4)}
    assert interval == Interval(0.25, 0.25, 0.25)
    with pytest.raises(InvalidInput):
        bootstrap_rows(16, groups, statistic, strata_Q=strata[1:])
