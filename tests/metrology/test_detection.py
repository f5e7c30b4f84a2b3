"""POD curves, compared with a published example and with a grid search of the likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from mm.errors import InvalidInput
from mm.metrology.detection import fit_hit_miss, fit_response
from mm.metrology.detection.hit_miss import CHI_SQUARED_95, NoOverlap

# MIL-HDBK-1823A, hit/miss example: lengths of cracks in inches, a work of the US government.
HITS = """
0.21 0.195 0.095 0.207 0.141 0.324 0.08 0.325 0.18 0.176 0.152 0.085 0.116 0.09 0.138 0.317
0.345 0.25 0.407 0.355 0.3 0.32 0.32 0.111 0.152 0.157 0.185 0.11 0.18 0.145 0.165 0.15
0.144 0.26 0.315 0.3 0.25 0.2 0.32 0.352 0.045 0.213 0.167 0.215 0.19 0.182 0.187 0.235
0.235 0.216 0.195 0.187 0.235 0.262 0.205 0.227 0.207 0.188 0.215 0.175 0.242 0.255 0.275
0.262 0.22 0.2 0.125 0.207 0.24 0.24 0.24 0.247 0.211 0.155 0.265 0.13 0.14 0.08 0.225 0.179
0.21 0.212 0.125 0.137 0.13 0.21 0.194 0.202 0.212 0.257 0.216 0.21
"""
MISSES = """
0.095 0.102 0.115 0.08 0.019 0.082 0.084 0.125 0.067 0.075 0.155 0.117 0.142 0.097 0.125
0.091 0.09 0.057 0.082 0.079 0.034 0.15 0.065 0.07 0.07 0.085 0.025 0.023 0.067 0.065 0.025
0.177 0.034 0.085 0.05 0.07 0.075 0.08 0.087 0.05 0.182 0.125
"""


def example() -> tuple[np.ndarray, np.ndarray]:
    """Lengths (134,) and hits (134,) of the example."""
    found, missed = np.array(HITS.split(), float), np.array(MISSES.split(), float)
    return np.r_[found, missed], np.r_[np.ones(len(found), bool), np.zeros(len(missed), bool)]


def simulate(count: int, seed: int, a50: float = 0.1, slope: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    sizes = np.exp(random.uniform(np.log(0.02), np.log(0.6), count))
    return sizes, random.random(count) < expit(slope * np.log(sizes / a50))


def test_fit_hit_miss_of_the_handbook_example_has_the_published_results() -> None:
    """Coefficients, a50, a90 and a90/95 as mh1823, the software of the handbook, computes them.

    mh1823 interpolates a90/95 between the points of a contour on a grid of 51 x 51.
    """
    lengths, hits = example()
    fit = fit_hit_miss(lengths, hits, log_size=False)
    assert (len(hits), int(hits.sum())) == (134, 92)
    assert fit.intercept == pytest.approx(-4.597367, abs=1e-5)
    assert fit.slope == pytest.approx(39.765429, abs=1e-4)
    assert fit.log_likelihood == pytest.approx(-38.746905, abs=1e-6)
    assert fit.size_at(0.5) == pytest.approx(0.115612, abs=1e-6)
    assert fit.size_at(0.9) == pytest.approx(0.170867, abs=1e-6)
    assert fit.upper_size_at(0.9) == pytest.approx(0.197340, abs=5e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_upper_size_at_equals_a_grid_search_of_the_likelihood(seed: int) -> None:
    """Reference implementation: the largest size of all curves within the likelihood ratio."""
    sizes, hits = simulate(150, seed)
    fit = fit_hit_miss(sizes, hits)
    x = np.log(sizes)
    slopes = np.linspace(0.2 * fit.slope, 2.5 * fit.slope, 400)[:, None]
    upper = np.log(fit.upper_size_at(0.9))
    best = np.log(fit.size_at(0.9))
    inside = []
    for position in np.linspace(best, best + 2 * (upper - best), 400):
        logits = math.log(9) + slopes * (x - position)
        likelihood = (-np.logaddexp(0, np.where(hits, -logits, logits)).sum(1)).max()
        inside.append(2 * (fit.log_likelihood - likelihood) <= CHI_SQUARED_95)
    largest = best + 2 * (upper - best) * np.flatnonzero(inside).max() / 399
    assert largest == pytest.approx(upper, abs=2 * (upper - best) / 399 + 1e-4)


def test_upper_size_at_contains_the_ground_truth_in_most_simulations() -> None:
    truth = 0.1 * 9 ** (1 / 4.0)
    bounds = [fit_hit_miss(*simulate(120, seed)).upper_size_at(0.9) for seed in range(60)]
    assert np.mean(np.array(bounds) >= truth) >= 0.9


def test_lower_pod_and_upper_size_describe_one_curve() -> None:
    fit = fit_hit_miss(*simulate(150, 3))
    upper = fit.upper_size_at(0.9)
    assert fit.lower_pod(upper) == pytest.approx(0.9, abs=1e-6)
    assert fit.size_at(0.9) < upper
    assert float(fit.pod(fit.size_at(0.7))) == pytest.approx(0.7)


def test_fit_hit_miss_is_independent_of_the_unit() -> None:
    sizes, hits = simulate(100, 4)
    millimetres, inches = fit_hit_miss(sizes, hits), fit_hit_miss(sizes / 25.4, hits)
    assert inches.upper_size_at(0.9) * 25.4 == pytest.approx(millimetres.upper_size_at(0.9), rel=1e-6)


@pytest.mark.parametrize(
    "hits",
    [np.ones(10, bool), np.zeros(10, bool), np.arange(10) > 4],
    ids=["all hit", "all missed", "separated"],
)
def test_fit_hit_miss_without_overlap_raises_no_overlap(hits: np.ndarray) -> None:
    with pytest.raises(NoOverlap, match="of 10 defects were hit"):
        fit_hit_miss(np.linspace(0.1, 1, 10), hits)


def test_fit_hit_miss_of_a_falling_curve_raises_no_overlap() -> None:
    sizes, hits = simulate(100, 5)
    with pytest.raises(NoOverlap, match="no POD curve rises"):
        fit_hit_miss(sizes, ~hits)


@pytest.mark.parametrize(
    ("sizes", "hits"),
    [([0.1, 0.2], [True, False]), ([0.1, 0.2, 0.3], [True, False]), ([-0.1, 0.2, 0.3, 0.1], [False, True, False, True])],
)
def test_fit_hit_miss_of_invalid_sizes_raises_invalid_input(sizes: list[float], hits: list[bool]) -> None:
    with pytest.raises(InvalidInput):
        fit_hit_miss(sizes, hits)


def test_fit_response_recovers_the_curve_that_made_the_responses() -> None:
    random = np.random.default_rng(0)
    sizes = np.exp(random.uniform(np.log(0.02), np.log(0.6), 400))
    responses = np.exp(2.0 + 1.5 * np.log(sizes) + random.normal(0, 0.3, 400))
    threshold = math.exp(2.0 + 1.5 * math.log(0.1))
    fit = fit_response(sizes, responses, threshold)
    assert fit.size_at(0.5) == pytest.approx(0.1, rel=0.05)
    assert fit.size_at(0.9) == pytest.approx(0.1 * math.exp(1.2816 * 0.3 / 1.5), rel=0.05)
    assert fit.pod(fit.size_at(0.9)) == pytest.approx(0.9)
    assert fit.size_at(0.9) < fit.upper_size_at(0.9) < 1.1 * fit.size_at(0.9)


def test_fit_response_bound_covers_the_ground_truth_at_its_confidence() -> None:
    truth = 0.1 * math.exp(1.2815515655 * 0.3 / 1.5)
    threshold = math.exp(2.0 + 1.5 * math.log(0.1))
    covered = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        sizes = np.exp(random.uniform(np.log(0.02), np.log(0.6), 60))
        responses = np.exp(2.0 + 1.5 * np.log(sizes) + random.normal(0, 0.3, 60))
        covered.append(fit_response(sizes, responses, threshold).upper_size_at(0.9) >= truth)
    assert 0.88 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize(
    ("sizes", "responses"),
    [([1, 2, 3], [1, 2, 3]), ([1, 2, 3, 4], [4, 3, 2, 1]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, -4], [1, 2, 3, 4])],
)
def test_fit_response_of_invalid_data_raises_invalid_input(sizes: list[float], responses: list[float]) -> None:
    with pytest.raises(InvalidInput):
        fit_response(sizes, responses, 1.5)
