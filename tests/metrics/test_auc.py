"""The area under the ROC curve, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mm.errors import InvalidInput
from mm.metrics.auc import auc


@given(scores=st.lists(st.integers(0, 6), min_size=4, max_size=30), seed=st.integers(0, 9))
def test_auc_equals_scikit_learn(scores: list[int], seed: int) -> None:
    right = np.random.default_rng(seed).random(len(scores)) < 0.5
    right[:2] = (True, False)
    assert auc(np.array(scores, float), right) == pytest.approx(roc_auc_score(right, scores))
    with pytest.raises(InvalidInput):
        auc(np.array(scores, float), np.ones(len(scores), bool))
