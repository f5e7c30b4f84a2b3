"""Folds of groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mm.inspection.thresholds.folds import MAX_FOLDS, assign_folds

GROUPS = st.lists(st.sampled_from([f"part {index}" for index in range(30)]), min_size=1, max_size=80)


@given(GROUPS, st.integers(0, 5))
def test_assign_folds_keeps_groups_together_and_fills_every_fold(groups: list[str], seed: int) -> None:
    folds = assign_folds(groups, seed)
    assert all(len({fold for fold, group in zip(folds, groups, strict=True) if group == name}) == 1 for name in set(groups))
    assert set(folds) == set(range(min(len(set(groups)), MAX_FOLDS)))


@given(GROUPS, st.randoms())
def test_assign_folds_does_not_depend_on_the_order(groups: list[str], random: object) -> None:
    order = np.random.default_rng(len(groups)).permutation(len(groups))
    np.testing.assert_array_equal(assign_folds([groups[index] for index in order]), assign_folds(groups)[order])
