"""Paired comparisons equal SciPy's permutation test and bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, permutation_test

from mm.metrics.paired import compare_paired


def subtract_means(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(second.mean(axis) - first.mean(axis))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("values", [2, 1000], ids=["right or wrong", "scores"])
def test_compare_paired_of_few_items_equals_exact_permutation_test_of_scipy(seed: int, values: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.integers(0, values, (2, 9)) / 1.0
    expected = permutation_test((first, second), subtract_means, permutation_type="samples", n_resamples=np.inf)
    paired = compare_paired(first, second, np.arange(9))
    assert paired.difference.value == pytest.approx(expected.statistic)
    assert paired.p_value == pytest.approx(expected.pvalue)


def test_compare_paired_of_groups_equals_permutation_test_of_their_sums() -> None:
    random = np.random.default_rng(5)
    groups = np.repeat(np.arange(8), random.integers(1, 5, 8))
    first, second = random.random((2, len(groups))).round(2)
    sums = [np.bincount(groups, side) for side in (first, second)]
    expected = permutation_test(sums, subtract_means, permutation_type="samples", n_resamples=np.inf)
    assert compare_paired(first, second, groups).p_value == pytest.approx(expected.pvalue)


def test_compare_paired_of_many_items_is_near_permutation_test_and_bootstrap_of_scipy() -> None:
    random = np.random.default_rng(6)
    first = random.random(300)
    second = first + random.normal(0.02, 0.2, 300)
    expected = permutation_test(
        (first, second), subtract_means, permutation_type="samples", n_resamples=4000, rng=np.random.default_rng(1)
    )
    paired = compare_paired(first, second, np.arange(300))
    assert paired.p_value == pytest.approx(expected.pvalue, abs=4 * np.sqrt(expected.pvalue * (1 - expected.pvalue) / 2000))
    interval = bootstrap(
        (second - first,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    width = interval.high - interval.low
    assert [paired.difference.low, paired.difference.high] == pytest.approx([interval.low, interval.high], abs=0.15 * width)


def test_compare_paired_of_equal_values_has_a_p_value_of_1() -> None:
    values = np.random.default_rng(7).random(40)
    assert compare_paired(values, values, np.arange(40)).p_value == 1


@pytest.mark.parametrize("num_groups", [6, 40])
def test_compare_paired_of_means_equals_its_reference_implementation(num_groups: int) -> None:
    """Another function for the mean is compared on the values themselves."""
    random = np.random.default_rng(num_groups)
    groups = random.integers(0, num_groups, 120)
    first, second = random.random((2, 120))
    fast = compare_paired(first, second, groups)
    plain = compare_paired(first, second, groups, lambda values: float(values.mean()))
    assert fast.p_value == plain.p_value
    for end in ("value", "low", "high"):
        assert getattr(fast.difference, end) == pytest.approx(getattr(plain.difference, end))
