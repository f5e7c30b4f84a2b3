"""The tracker of lesion candidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.tracking.association import assign, measure_overlaps
from mm.lesions.tracking.kalman import POSITION_NOISE, VELOCITY_NOISE, Box, predict_state, start_state, update_state
from mm.lesions.tracking.tracker import LesionTracker, TrackerSettings, track_regions


def make_region(box: Box, confidence: float = 0.9) -> LesionRegion:
    return LesionRegion(np.ones((box[3], box[2]), bool), box, np.zeros(5), confidence, False)


def _filter_by_matrices(boxes: Sequence[Box | None]) -> list[np.ndarray]:
    """The reference: a textbook Kalman filter of eight numbers; the mean after each frame."""
    step, observe = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    means: list[np.ndarray] = []
    mean, covariance = np.zeros(8), np.zeros((8, 8))
    for number, box in enumerate(boxes):
        seen = None if box is None else np.array([box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]])
        if number == 0:
            assert seen is not None
            size = max(1.0, seen[2:].mean())
            mean = np.r_[seen, np.zeros(4)]
            covariance = np.diag([(2 * POSITION_NOISE * size) ** 2] * 4 + [(10 * VELOCITY_NOISE * size) ** 2] * 4)
        else:
            size = max(1.0, mean[2:4].mean())
            noise = np.diag([(POSITION_NOISE * size) ** 2] * 4 + [(VELOCITY_NOISE * size) ** 2] * 4)
            mean, covariance = step @ mean, step @ covariance @ step.T + noise
            if seen is not None:
                noise = np.eye(4) * (POSITION_NOISE * max(1.0, mean[2:4].mean())) ** 2
                gain = covariance @ observe.T @ np.linalg.inv(observe @ covariance @ observe.T + noise)
                mean, covariance = mean + gain @ (seen - observe @ mean), covariance - gain @ observe @ covariance
        means.append(mean)
    return means


@given(st.integers(0, 2**31))
def test_filter_of_random_boxes_equals_the_filter_by_matrices(seed: int) -> None:
    random = np.random.default_rng(seed)
    boxes: list[Box | None] = []
    for number in range(12):
        x, y, width, height = (int(value) for value in random.integers([0, 0, 5, 5], [200, 200, 90, 90]))
        boxes.append(None if number and random.random() < 0.3 else (x, y, width, height))
    assert boxes[0] is not None
    state = start_state(boxes[0])
    for box, expected in zip(boxes[1:], _filter_by_matrices(boxes)[1:], strict=True):
        state = predict_state(state)
        if box is not None:
            state = update_state(state, box)
        np.testing.assert_allclose(state.mean_42.T.ravel(), expected, rtol=1e-9, atol=1e-9)


def test_filter_of_uniform_motion_predicts_the_next_box() -> None:
    state = start_state((10, 20, 30, 20))
    for step in range(1, 30):
        state = update_state(predict_state(state), (10 + 3 * step, 20 - step // 3, 30, 20))
    assert predict_state(state).box_4[0] == pytest.approx(10 + 3 * 30, abs=0.5)


def test_overlaps_of_boxes_equal_those_of_their_masks() -> None:
    boxes = [(0, 0, 10, 10), (5, 5, 10, 10), (50, 60, 20, 30)]
    masks = [make_region(box).place((240, 320)) for box in boxes]
    expected = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    np.testing.assert_allclose(measure_overlaps(np.array(boxes, float), np.array(boxes, float)), expected)


def test_assignment_maximizes_the_sum_and_leaves_out_distant_pairs() -> None:
    tracks = [np.array([0.0, 0, 10, 10]), np.array([8.0, 0, 10, 10])]
    boxes = [np.array([7.0, 0, 10, 10]), np.array([100.0, 0, 10, 10])]
    assert assign(tracks, boxes, 0.1) == [(1, 0)]
    assert assign(tracks, [], 0.1) == []


def test_tracker_of_two_moving_regions_returns_one_candidate_each() -> None:
    frames = [[make_region((10 + 4 * n, 30, 40, 30)), make_region((200 - 3 * n, 120, 30, 30), 0.8)] for n in range(30)]
    first, second = track_regions(frames)
    assert [region.box[1] for region in first.regions.values()] == [30] * 30
    assert [region.box[1] for region in second.regions.values()] == [120] * 30
    assert (first.track_id, first.start_frame, first.end_frame) == (1, 0, 29)
    assert second.confidence == pytest.approx(0.8)


def test_tracker_of_crossing_regions_keeps_their_identities() -> None:
    frames = [[make_region((20 + 6 * n, 40, 40, 24)), make_region((260 - 6 * n, 60, 26, 44))] for n in range(40)]
    first, second = track_regions(frames)
    assert {region.box[2] for region in first.regions.values()} == {40}
    assert {region.box[2] for region in second.regions.values()} == {26}


def test_tracker_of_a_region_in_two_of_five_frames_returns_nothing() -> None:
    shown = {0, 3}
    assert track_regions([[make_region((50, 50, 30, 30))] if n in shown else [] for n in range(12)]) == []


def test_tracker_of_a_region_in_three_of_five_frames_returns_it_without_inventing_regions() -> None:
    shown = {2, 4, 6, 15}
    (candidate,) = track_regions([[make_region((50, 50, 30, 30))] if n in shown else [] for n in range(30)])
    assert set(candidate.regions) == shown
    assert (candidate.start_frame, candidate.end_frame) == (2, 15)


def test_tracker_of_regions_with_low_confidence_continues_tracks_and_starts_none() -> None:
    box = (50, 50, 30, 30)
    (candidate,) = track_regions([[make_region(box, 0.9 if n < 4 else 0.2)] for n in range(10)])
    assert set(candidate.regions) == set(range(10))
    assert candidate.best_frame == 0
    assert track_regions([[make_region(box, 0.2)] for _ in range(10)]) == []


def test_tracker_after_a_long_gap_starts_another_candidate() -> None:
    frames = [[make_region((50, 50, 30, 30))] if n < 5 or n > 25 else [] for n in range(32)]
    assert [set(candidate.regions) for candidate in track_regions(frames)] == [set(range(5)), set(range(26, 32))]


def test_tracker_at_a_cut_ends_all_tracks() -> None:
    tracker = LesionTracker()
    for frame in range(12):
        tracker.update(frame, [make_region((50, 50, 30, 30))], is_cut=frame == 6)
    assert [set(candidate.regions) for candidate in tracker.finish()] == [set(range(6)), set(range(6, 12))]


def test_tracker_of_frames_out_of_order_raises() -> None:
    tracker = LesionTracker()
    tracker.update(3, [])
    with pytest.raises(InvalidInput, match="in order"):
        tracker.update(3, [])


def test_tracker_settings_that_contradict_raise() -> None:
    with pytest.raises(InvalidInput, match="low <= high"):
        TrackerSettings(high=0.1, low=0.5)


def test_single_image_has_one_candidate_for_each_region() -> None:
    found = track_regions([[make_region((5, 5, 20, 20), 0.7), make_region((90, 90, 20, 20), 0.05)]])
    assert [(candidate.best_frame, candidate.confidence) for candidate in found] == [(0, 0.7)]


def test_track_regions_with_a_distance_continues_a_region_that_jumps() -> None:
    frames = [[make_region((10 + 30 * (number % 2), 20, 20, 20))] for number in range(6)]
    assert len(track_regions(frames)) != 1
    (candidate,) = track_regions(frames, TrackerSettings(max_distance=1.5))
    assert sorted(candidate.regions) == list(range(6))
    far = [[make_region((10 + 60 * (number % 2), 20, 20, 20))] for number in range(6)]
    assert len(track_regions(far, TrackerSettings(max_distance=1.5))) != 1
    with pytest.raises(InvalidInput, match="distance"):
        TrackerSettings(max_distance=0)
