"""The estimated time of a reindexing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.spaces.larger.estimate import Content, estimate_seconds, image_seconds_by_measurement, image_seconds_by_operations

CONTENT = Content(100, 50.0, 0.0, 1000, {"image": 0.1, "video": 0.2}, 1)
NUM_FRAMES = 200


def test_frames_are_images_and_sampled_frames_of_videos() -> None:
    assert CONTENT.count_frames(2.0) == NUM_FRAMES


def test_time_is_that_of_the_present_space_and_that_of_the_model() -> None:
    found = estimate_seconds(CONTENT, NUM_FRAMES, (1.0, 2.0))
    assert found == pytest.approx((0.8 * 20 + 200, 1.5 * 20 + 400))


def test_time_of_a_kind_that_was_never_measured_is_unknown() -> None:
    assert estimate_seconds(replace(CONTENT, audio_seconds=1.0), NUM_FRAMES, (1.0, 2.0)) is None
    assert estimate_seconds(replace(CONTENT, seconds_of_kind={}, num_images=0, video_seconds=0.0), 0, (1.0, 2.0)) == (0, 0)


@given(seconds=st.floats(0.001, 100), workers=st.integers(1, 8))
def test_range_contains_the_measured_time_and_shrinks_with_workers(seconds: float, workers: int) -> None:
    one = estimate_seconds(CONTENT, NUM_FRAMES, image_seconds_by_measurement(seconds))
    several = estimate_seconds(replace(CONTENT, num_workers=workers), NUM_FRAMES, image_seconds_by_measurement(seconds))
    assert one is not None
    assert several is not None
    assert one[0] <= NUM_FRAMES * seconds + 20 <= one[1]
    assert several == pytest.approx((one[0] / workers, one[1] / workers))


@pytest.mark.parametrize(("gflops", "machine", "measured"), [(8.82, 36.6, 0.327), (35.42, 58.6, 0.745)])
def test_estimate_by_operations_contains_what_was_measured(gflops: float, machine: float, measured: float) -> None:
    fast, slow = image_seconds_by_operations(gflops, machine)
    assert fast < measured < slow
