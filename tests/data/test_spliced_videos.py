"""Spliced videos: scenes and shots that tile them, transitions, and composed frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.spliced_videos import (
    MAX_TRANSITION,
    MIN_REPEAT_GAP,
    NUM_PATHS,
    SCENE_SECONDS,
    Scene,
    Shot,
    SplicedVideo,
    Transition,
    compose_frame,
    crop_paths,
    draw_spliced_video,
    label_boundaries,
)

CLIPS = [(90, 2.5), (91, 30.0)]


def draw(seed: int, alternating: float = 0.3) -> SplicedVideo:
    return draw_spliced_video(np.random.default_rng(seed), range(90), CLIPS, 200.0, alternating)


@given(seed=st.integers(0, 2**32))
def test_draw_spliced_video_tiles_scenes_and_shots_with_transitions_between(seed: int) -> None:
    video = draw(seed)
    shots = [shot for scene in video.scenes for shot in scene.shots]
    assert video.scenes[0].start == 0
    assert video.duration >= 200
    for left, right in pairwise(shots):
        assert left.end == right.start > left.start
    assert [change.time for change in video.transitions] == [shot.start for shot in shots[1:]]
    assert video.starts(scenes=True) == [scene.start for scene in video.scenes[1:]]
    for change, (left, right) in zip(video.transitions, pairwise(shots), strict=True):
        assert change.seconds <= min(MAX_TRANSITION, left.end - left.start, right.end - right.start)
        assert not change.is_fade or change.is_scene_boundary
    for scene in video.scenes:
        assert 1 <= len(scene.sources) <= 2
        if not scene.sources & {90, 91}:
            assert scene.end - scene.start >= SCENE_SECONDS[0] - 1e-6
            assert all(0 <= shot.path < NUM_PATHS for shot in scene.shots)


@given(seed=st.integers(0, 2**32))
def test_draw_spliced_video_repeats_sources_after_the_minimum_gap_only(seed: int) -> None:
    video = draw(seed)
    for number, scene in enumerate(video.scenes):
        for later in video.scenes[number + 1 :]:
            if scene.sources & later.sources:
                assert later.start > scene.end + MIN_REPEAT_GAP


def test_draw_spliced_video_has_the_share_of_alternating_scenes() -> None:
    assert not any(len(scene.sources) > 1 for seed in range(5) for scene in draw(seed, 0.0).scenes)
    scenes = [scene for seed in range(5) for scene in draw(seed, 1.0).scenes if not scene.sources & {90, 91}]
    alternating = [scene for scene in scenes if len(scene.sources) == 2]
    assert len(alternating) > 0.7 * len(scenes)
    for scene in alternating:
        assert all(left.source != right.source for left, right in pairwise(scene.shots))
        assert len(scene.shots) >= 4


def make_two_scene_video(change: Transition) -> SplicedVideo:
    first, second = Shot(0.0, 4.0, 0, 0, False, True), Shot(4.0, 8.0, 1, 2, True, False)
    return SplicedVideo((Scene(0.0, 4.0, (first,)), Scene(4.0, 8.0, (second,))), (change,))


def test_compose_frame_at_a_cut_shows_one_view() -> None:
    video = make_two_scene_video(Transition(4.0, 0.0, False, True))
    before, after = compose_frame(video, 3.999), compose_frame(video, 4.0)
    assert (before.view.source, after.view.source) == (0, 1)
    assert before.view.share == pytest.approx(1, abs=1e-3)
    assert after.view.share == 1, "a shot that goes backwards and stands, stands at the end of its way"
    assert before.other is after.other is None
    assert before.brightness == after.brightness == 1


def test_compose_frame_in_a_dissolve_interpolates_linearly() -> None:
    video = make_two_scene_video(Transition(4.0, 2.0, False, True))
    weights = []
    for time in (2.9, 3.5, 4.0, 4.5, 5.1):
        mix = compose_frame(video, time)
        second = mix.weight if mix.view.source == 0 else 1 - mix.weight
        assert (mix.other is None) == (time in (2.9, 5.1))
        weights.append(second)
    assert weights == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_compose_frame_in_a_fade_is_black_in_the_middle() -> None:
    video = make_two_scene_video(Transition(4.0, 2.0, True, True))
    assert [compose_frame(video, time).brightness for time in (2.9, 3.5, 4.0, 4.5, 5.1)] == pytest.approx([1, 0.5, 0, 0.5, 1])


def test_label_boundaries_marks_the_first_frame_after_a_boundary() -> None:
    video = make_two_scene_video(Transition(4.0, 0.0, False, False))
    assert label_boundaries(video, np.array([0.0, 3.9, 4.0, 4.5])).tolist() == [
        [False] * 2,
        [False] * 2,
        [True, False],
        [False] * 2,
    ]
    video = make_two_scene_video(Transition(4.0, 0.0, False, True))
    assert label_boundaries(video, np.array([0.0, 3.9, 4.1])).tolist() == [[False] * 2, [False] * 2, [True, True]]
    assert not label_boundaries(video, np.array([0.0, 1.0])).any(), "boundaries after the last frame are left out"
    assert video.spans_of(1).tolist() == [[4.0, 8.0]]
    assert video.spans_of(7).shape == (0, 2)


def test_crop_paths_are_deterministic_and_inside_the_image() -> None:
    for source in range(50):
        assert crop_paths(source) == crop_paths(source)
        for way in crop_paths(source):
            for left, top, side in way:
                assert 0 <= left <= left + side <= 1 + 1e-9
                assert 0 <= top <= top + side <= 1 + 1e-9
