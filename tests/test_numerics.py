"""Highest values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mm.numerics import select_top


@given(seed=st.integers(0, 10**6), size=st.integers(0, 700), count=st.integers(0, 20))
def test_select_top_equals_a_stable_sort(seed: int, size: int, count: int) -> None:
    values = np.random.default_rng(seed).integers(0, 50, size).astype(np.float32)
    assert select_top(values, count) == np.argsort(-values, kind="stable")[:count].tolist()
