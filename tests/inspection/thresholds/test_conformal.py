"""Conformal p-values and thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.bank.patch_bank import BankSearch, PatchBank, leave_out_each_fold
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.thresholds.folds import assign_folds


def independent(scores: list[float]) -> Calibration:
    """Images that are groups of their own, all in one fold."""
    count = len(scores)
    return Calibration(np.array(scores, np.float64), np.arange(count), np.zeros(count, np.int64))


@pytest.mark.parametrize(("score", "expected"), [(0.5, 1.0), (2.0, 4 / 5), (2.5, 3 / 5), (9.0, 1 / 5)])
def test_p_value_is_the_rank_among_held_out_scores(score: float, expected: float) -> None:
    assert independent([1, 2, 3, 4]).compute_p_value(np.array([score])) == pytest.approx(expected)


def test_p_value_compares_each_image_with_the_score_of_its_fold() -> None:
    calibration = Calibration(np.array([1.0, 1.0]), np.array([0, 1]), np.array([0, 1]))
    assert calibration.compute_p_value(np.array([0.5, 2.0])) == pytest.approx(2 / 3)


def test_p_value_images_of_a_group_count_as_one() -> None:
    calibration = Calibration(np.array([1.0, 3.0, 3.0, 3.0]), np.array([0, 1, 1, 1]), np.zeros(4, np.int64))
    assert calibration.compute_p_value(np.array([2.0])) == pytest.approx(2 / 3)
    assert calibration.smallest_rate == pytest.approx(1 / 3)


def test_p_value_without_held_out_scores_is_one() -> None:
    empty = independent([])
    assert empty.compute_p_value(np.array([1e9])) == 1
    assert not empty.compute_threshold(0.1).is_reachable


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (99, 0.01), (40, 0.1)])
def test_threshold_separates_scores_as_the_p_value_does(count: int, rate: float) -> None:
    scores = np.random.default_rng(count).random(count)
    calibration = independent(scores.tolist())
    threshold = calibration.compute_threshold(rate)
    assert threshold.is_reachable
    for score in np.linspace(0, 1.1, 500):
        assert (score > threshold.score) == (calibration.compute_p_value(np.array([score])) <= rate + 1e-12)


def test_threshold_unreachable_rate_is_stated() -> None:
    threshold = independent([1, 2, 3, 4, 5, 6, 7, 8]).compute_threshold(0.01)
    assert not threshold.is_reachable
    assert (threshold.score, threshold.smallest_rate) == (8, 1 / 9)
    assert threshold.interval == pytest.approx((0, 0.3694), abs=1e-4)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_threshold_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput):
        independent([1, 2]).compute_threshold(rate)


@pytest.mark.parametrize("images_per_group", [1, 4])
def test_false_alarms_of_new_groups_are_at_most_the_rate(images_per_group: int) -> None:
    """Scores share a deviation within a group; the naive quantile over images has more alarms."""
    random = np.random.default_rng(0)
    alarms = naive = 0
    trials, groups, rate = 1500, 19, 0.05
    for _ in range(trials):
        scores = random.normal(size=(groups + 1, 1)) + 0.3 * random.normal(size=(groups + 1, images_per_group))
        good = scores[:-1].ravel()
        calibration = Calibration(good, np.repeat(np.arange(groups), images_per_group), np.zeros(len(good), np.int64))
        alarms += calibration.compute_p_value(scores[-1, :1]) <= rate
        naive += (1 + np.sum(good >= scores[-1, 0])) / (len(good) + 1) <= rate
    assert alarms / trials <= rate + 3 * np.sqrt(rate * (1 - rate) / trials)
    assert naive >= alarms


@pytest.mark.parametrize(("groups", "rate"), [(19, 0.05), (39, 0.1)])
def test_false_alarms_with_folds_of_a_bank_are_at_most_the_rate(groups: int, rate: float) -> None:
    """The distances come from a bank of the same good parts, as those of an inspector do."""
    random = np.random.default_rng(groups)
    folds = assign_folds([str(group) for group in range(groups)])
    alarms, trials = 0, 600
    for _ in range(trials):
        parts = random.standard_normal((groups + 1, 6)).astype(np.float32)
        bank = PatchBank(parts[:-1].astype(np.float16), folds)
        outside = leave_out_each_fold(BankSearch(bank).search(parts)).astype(np.float64)
        calibration = Calibration(outside[np.arange(groups), folds], np.arange(groups), folds)
        alarms += calibration.compute_p_value(outside[-1]) <= rate
    assert alarms / trials <= rate + 3 * np.sqrt(rate * (1 - rate) / trials)
