"""FROC and identity scores, against their definitions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.inspection import Candidates, TrackedFrame, froc, match_regions, measure_identity

seeds = st.integers(0, 2**31)


def make_images(seed: int) -> list[Candidates]:
    random = np.random.default_rng(seed)
    images = []
    for _ in range(5):
        lesions, count = int(random.integers(0, 3)), int(random.integers(0, 6))
        images.append(Candidates(random.integers(0, 5, count) / 4, random.integers(-1, lesions, count), lesions))
    return [*images, Candidates(np.array([0.5]), np.array([0]), 1)]


@given(seed=seeds)
def test_froc_equals_its_definition_at_each_threshold(seed: int) -> None:
    images = make_images(seed)
    curve = froc(images)
    for threshold, false_positives, sensitivity in zip(
        curve.threshold_T, curve.false_positives_T, curve.sensitivity_T, strict=True
    ):
        wrong = hit = 0
        for image in images:
            chosen = [lesion for score, lesion in zip(image.confidence_P, image.lesion_P, strict=True) if score >= threshold]
            wrong += chosen.count(-1)
            hit += len(set(chosen) - {-1})
        assert false_positives == pytest.approx(wrong / len(images))
        assert sensitivity == pytest.approx(hit / sum(image.num_lesions for image in images))
    rate = 0.4
    allowed = curve.false_positives_T <= rate
    assert curve.sensitivity_at(rate) == max(curve.sensitivity_T[allowed], default=0.0)
    assert curve.threshold_at(rate) == min(curve.threshold_T[allowed], default=np.inf)


def test_froc_without_candidates_has_no_sensitivity() -> None:
    curve = froc([Candidates(np.zeros(0), np.zeros(0, int), 2)])
    assert curve.sensitivity_at(0.5) == 0.0
    assert curve.threshold_at(0.5) == np.inf


def test_froc_without_lesions_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        froc([Candidates(np.zeros(1), np.array([-1]), 0)])
    with pytest.raises(InvalidInput):
        Candidates(np.zeros(1), np.array([1]), 1)
    with pytest.raises(InvalidInput):
        Candidates(np.array([np.nan]), np.array([0]), 1)


def test_match_regions_takes_the_largest_overlap() -> None:
    lesion = np.zeros((10, 10), bool)
    lesion[2:6, 2:6] = True
    near, far = np.roll(lesion, 1, 0), np.roll(lesion, 4, 1)
    assert match_regions([near, far, lesion], [far, lesion], 0.3).tolist() == [1, 0, 1]
    assert match_regions([near], [], 0.3).tolist() == [-1]
    with pytest.raises(InvalidInput):
        match_regions([near], [lesion], 0.0)


@settings(deadline=None, max_examples=60)
@given(seed=seeds)
def test_measure_identity_equals_the_best_of_all_pairings(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(6):
        true, predicted = (tuple(np.flatnonzero(random.random(3) < 0.7).tolist()) for _ in range(2))
        frames.append(TrackedFrame(true, predicted, random.random((len(true), len(predicted)))))
    right = 0
    for pairing in permutations(range(3)):
        right = max(
            right,
            sum(
                bool(frame.iou_TP[row, column] >= 0.5)
                for frame in frames
                for row, identity in enumerate(frame.true_ids)
                for column, other in enumerate(frame.predicted_ids)
                if pairing[identity] == other
            ),
        )
    scores = measure_identity(frames)
    total = sum(len(frame.true_ids) + len(frame.predicted_ids) for frame in frames)
    assert scores.num_right == right
    assert scores.idf1 == pytest.approx(2 * right / total if total else 1.0)


def test_measure_identity_of_a_track_cut_in_two_counts_the_longer_piece() -> None:
    frames = [TrackedFrame((7,), (1 if number < 6 else 2,), np.ones((1, 1))) for number in range(10)]
    scores = measure_identity(frames)
    assert (scores.num_right, scores.precision, scores.recall, scores.idf1) == (6, 0.6, 0.6, 0.6)
    assert measure_identity([]).idf1 == 1.0


def test_tracked_frame_of_repeated_identities_or_other_shapes_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        TrackedFrame((1, 1), (2,), np.ones((2, 1)))
    with pytest.raises(InvalidInput):
        TrackedFrame((1,), (2,), np.ones((2, 1)))
