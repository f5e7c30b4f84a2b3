"""Bootstrap intervals: equal to those of SciPy, and properties that hold for any values."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipys

from mm.bench.evaluation.resampling import measure_resampling
from mm.errors import InvalidInput
from mm.metrics import Interval, bootstrap
from mm.metrics.bootstrap import bootstrap_means, bootstrap_rows, bootstrap_sums, bootstrap_weights


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


def test_bootstrap_sums_of_ratio_covers_it_as_often_as_stated() -> None:
    """The ratio of sums is 2 in the population; 95 of 100 intervals are expected to contain it."""
    random = np.random.default_rng(6)
    covered = 0
    for seed in range(60):
        below = random.gamma(2.0, size=80)
        above = 2 * below + random.normal(size=80)
        sums = np.stack([above, below], axis=1)
        (interval,) = bootstrap_sums(sums, lambda sums: sums[:, :1] / sums[:, 1:], None, seed)
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


GROUPS, STRATA = np.repeat(np.arange(12), 5), np.repeat([0, 1, 1], 20)


def assert_equal(intervals: list[Interval], expected: list[Interval]) -> None:
    for interval, other in zip(intervals, expected, strict=True):
        assert [interval.value, interval.low, interval.high] == pytest.approx([other.value, other.low, other.high])


@pytest.mark.parametrize("block", [1, 700, 1 << 22], ids=["one sample", "some samples", "all samples"])
@pytest.mark.parametrize(("groups", "strata"), [(None, None), (GROUPS, None), (GROUPS, STRATA), (None, STRATA)])
def test_bootstrap_sums_and_weights_equal_bootstrap_of_rows(
    groups: np.ndarray | None, strata: np.ndarray | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Precision, recall and F1 of counts, a statistic of sums, in all three forms."""
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 60)
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "BLOCK_VALUES", block)
    counts = np.random.default_rng(7).integers(1, 5, (60, 3)).astype(float)

    def measure(sums: np.ndarray) -> np.ndarray:
        hits, predicted, true = sums.T
        return np.stack([hits / predicted, hits / true, 2 * hits / (predicted + true)], axis=1)

    expected = bootstrap_rows(60, groups, lambda rows: measure(counts[rows].sum(0)[None])[0], 3, strata)
    assert_equal(bootstrap_sums(counts, measure, groups, 3, strata), expected)
    assert_equal(bootstrap_weights(60, groups, lambda weights: measure(weights @ counts), 3, strata), expected)


def test_measure_resampling_finds_equal_intervals_in_both_ways() -> None:
    timing = measure_resampling(60, 4)
    assert timing.num_groups == 15
    assert timing.largest_difference < 1e-12


def test_bootstrap_means_of_columns_equals_bootstrap_of_rows() -> None:
    values = np.random.default_rng(8).normal(size=(60, 4))
    assert_equal(bootstrap_means(values, GROUPS), bootstrap_rows(60, GROUPS, lambda rows: values[rows].mean(0)))
    with pytest.raises(InvalidInput):
        bootstrap_means(values, GROUPS[1:])
