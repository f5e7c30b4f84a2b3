"""The confidence of captions, fitted on features of known log-odds."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.numerics import sigmoid
from mm.spaces.calibration import ConfidenceCalibrator
from mm.spaces.caption_confidence import score_captions
from mm.training.calibration.fit_confidence import fit_confidence

TRUE = ConfidenceCalibrator(bias=-2.0, similarity=5.0, logprob=1.5, familiarity=4.0, objects=0.5)
RANDOM = np.random.default_rng(0)


def draw_examples(count: int) -> tuple[np.ndarray, np.ndarray]:
    ranges = ((0, 0.8), (-1.5, 0), (0, 0.6), (-4, 0))
    features = np.stack([RANDOM.uniform(low, high, count) for low, high in ranges], axis=1)
    return features, RANDOM.random(count) < score_captions(TRUE, features)


def test_fit_confidence_finds_the_probabilities_that_labels_were_drawn_from() -> None:
    fitted = fit_confidence([draw_examples(20_000)])
    features, _ = draw_examples(200)
    assert score_captions(fitted, features) == pytest.approx(score_captions(TRUE, features), abs=0.03)


def test_fit_confidence_of_sets_of_different_sizes_weighs_them_equally() -> None:
    constant = np.zeros((1, 4))
    sets = [(constant.repeat(count, 0), np.full(count, is_right)) for count, is_right in ((1000, True), (10, False))]
    fitted = fit_confidence(sets)
    assert sigmoid(np.array([fitted.bias]))[0] == pytest.approx(0.5, abs=1e-3)


def test_fit_confidence_of_right_captions_only_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Of 4 captions 4 are right"):
        fit_confidence([(np.zeros((4, 4)), np.ones(4, np.bool_))])
