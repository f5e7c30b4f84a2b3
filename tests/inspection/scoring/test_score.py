"""The score of an image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.inspection.scoring.score import SHARPNESS, ScoreRule, mean_of_largest


@pytest.mark.parametrize(("share", "count"), [(0.03, 3), (0.001, 1), (1.0, 100)])
def test_mean_of_largest_equals_mean_of_sorted_values(share: float, count: int) -> None:
    distances = np.random.default_rng(0).random((100, 3)).astype(np.float32)
    expected = np.sort(distances, 0)[-count:].mean(0)
    np.testing.assert_allclose(mean_of_largest(distances, share), expected, rtol=1e-6)


def test_score_rule_of_one_share_is_the_mean_of_the_largest() -> None:
    anomaly = np.random.default_rng(1).random(200).astype(np.float32)
    assert ScoreRule(0.05).score(anomaly) == mean_of_largest(anomaly[:, None], 0.05)[0]


def test_score_rule_of_two_shares_exceeds_good_images_with_a_spot_and_with_a_wide_area() -> None:
    random = np.random.default_rng(2)
    good = random.random((50, 1000)).astype(np.float32)
    means = np.array([[mean_of_largest(each[:, None], share)[0] for share in (0.003, 0.1)] for each in good])
    rule = ScoreRule(0.003, 0.1, tuple(np.median(means, 0)), tuple(means.std(0)))
    spot, area = good[:2].copy()
    spot[:3] = 1.2
    area[:150] = 0.97
    limit = max(rule.score(each) for each in good)
    assert rule.score(spot) > limit
    assert rule.score(area) > limit
    assert ScoreRule(0.003).score(area) < max(ScoreRule(0.003).score(each) for each in good)


@given(means=st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_score_rule_join_is_between_the_larger_mean_and_half_of_log_2_above(means: tuple[float, float]) -> None:
    joined = ScoreRule(0.01, 0.1).join(np.array(means[:1]), np.array(means[1:]))[0]
    assert max(means) - 1e-9 <= joined <= max(means) + np.log(2) / SHARPNESS + 1e-9
