"""Mean average precision of two methods: as with the metric itself on each sample and exchange."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.detections import classification_map
from mm.metrics.paired import compare_paired
from mm.metrics.paired_precision import RankedClass, Ranking, compare_average_precision

SAMPLES = 40


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", SAMPLES)
    monkeypatch.setattr(sys.modules["mm.metrics.paired"], "NUM_PERMUTATIONS", SAMPLES)


def plain_map(scores_NC: np.ndarray, relevant_NC: np.ndarray, interpolated: bool) -> float:
    """Wrong files rank above right ones of the same score."""
    pushed = scores_NC - 1e-6 * relevant_NC if interpolated else scores_NC
    return classification_map(pushed, relevant_NC, interpolated=interpolated).value if relevant_NC.any() else 0.0


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**31),
    num_groups=st.sampled_from([4, 15]),
    interpolated=st.booleans(),
    levels=st.sampled_from([4, 10**6]),
)
def test_comparison_equals_the_map_of_each_sample_and_exchange(
    seed: int, num_groups: int, interpolated: bool, levels: int
) -> None:
    """With `levels` of few values files share their places."""
    random = np.random.default_rng(seed)
    relevant_NC = random.random((18, 3)) < 0.3
    relevant_NC[0] = True
    groups = random.integers(0, num_groups, 18)
    places = random.integers(0, levels, (2, 18, 3)).astype(float)
    classes = [
        RankedClass(
            *(Ranking(place_NC[:, label], np.arange(18), relevant_NC[:, label, None]) for place_NC in places),
            relevant_NC[:, label].astype(int),
        )
        for label in range(3)
    ]  # fmt: skip
    paired = compare_average_precision(classes, groups, interpolated=interpolated)

    def score(rows_N6: np.ndarray) -> float:
        return plain_map(-rows_N6[:, :3], rows_N6[:, 3:] > 0, interpolated)

    first, second = (np.concatenate([place_NC, relevant_NC], axis=1).astype(float) for place_NC in places)
    expected = bootstrap_rows(18, groups, lambda rows: np.array([score(second[rows]) - score(first[rows])]))[0]
    assert (paired.difference.value, paired.difference.low, paired.difference.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=1e-12
    )
    assert paired.p_value == pytest.approx(compare_paired(first, second, groups, score).p_value)


def test_comparison_without_a_true_item_raises_invalid_input() -> None:
    ranking = Ranking(np.array([0.5]), np.array([0]), np.zeros((1, 1), bool))
    with pytest.raises(InvalidInput, match="needs a class"):
        compare_average_precision([RankedClass(ranking, ranking, np.zeros(2, int))], np.arange(2), interpolated=True)
