"""Films put together: scenes and shots that tile them, changes where they say, and what is on the
screen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.data.spliced_videos import (
    LATER,
    LONGEST_CHANGE,
    PATHS,
    SCENES,
    Change,
    Scene,
    Shot,
    SplicedVideo,
    begins,
    draw_spliced_video,
    frame_at,
    paths_of,
)

CLIPS = [(90, 2.5), (91, 30.0)]


def draw(seed: int, in_turn: float = 0.3) -> SplicedVideo:
    return draw_spliced_video(np.random.default_rng(seed), range(90), CLIPS, 200.0, in_turn)


@given(seed=st.integers(0, 2**32))
def test_scenes_and_shots_tile_a_film_and_each_change_is_one_of_its_shots(seed: int) -> None:
    film = draw(seed)
    shots = [shot for scene in film.scenes for shot in scene.shots]
    assert film.scenes[0].start == 0
    assert film.duration >= 200
    for left, right in pairwise(shots):
        assert left.end == right.start > left.start
    assert [change.time for change in film.changes] == [shot.start for shot in shots[1:]]
    assert film.starts(scenes=True) == [scene.start for scene in film.scenes[1:]]
    for change, (left, right) in zip(film.changes, pairwise(shots), strict=True):
        assert change.seconds <= min(LONGEST_CHANGE, left.end - left.start, right.end - right.start)
        assert not change.black or change.scene
    for scene in film.scenes:
        assert 1 <= len(scene.sources) <= 2
        if not scene.sources & {90, 91}:
            assert scene.end - scene.start >= SCENES[0] - 1e-6
            assert all(0 <= shot.path < PATHS for shot in scene.shots)


@given(seed=st.integers(0, 2**32))
def test_nothing_comes_again_so_soon_that_it_could_be_the_same_scene(seed: int) -> None:
    film = draw(seed)
    for number, scene in enumerate(film.scenes):
        for later in film.scenes[number + 1 :]:
            if scene.sources & later.sources:
                assert later.start > scene.end + LATER


def test_a_film_has_scenes_in_turn_as_asked() -> None:
    assert not any(len(scene.sources) > 1 for seed in range(5) for scene in draw(seed, 0.0).scenes)
    scenes = [scene for seed in range(5) for scene in draw(seed, 1.0).scenes if not scene.sources & {90, 91}]
    in_turn = [scene for scene in scenes if len(scene.sources) == 2]
    assert len(in_turn) > 0.7 * len(scenes)
    for scene in in_turn:
        assert all(left.source != right.source for left, right in pairwise(scene.shots))
        assert len(scene.shots) >= 4


def film_of_two(change: Change) -> SplicedVideo:
    first, second = Shot(0.0, 4.0, 0, 0, False, True), Shot(4.0, 8.0, 1, 2, True, False)
    return SplicedVideo((Scene(0.0, 4.0, (first,)), Scene(4.0, 8.0, (second,))), (change,))


def test_a_cut_shows_one_or_the_other() -> None:
    film = film_of_two(Change(4.0, 0.0, False, True))
    before, after = frame_at(film, 3.999), frame_at(film, 4.0)
    assert (before.view.source, after.view.source) == (0, 1)
    assert before.view.share == pytest.approx(1, abs=1e-3)
    assert after.view.share == 1, "a shot that goes backwards and stands, stands at the end of its way"
    assert before.other is after.other is None
    assert before.light == after.light == 1


def test_a_dissolve_is_half_of_each_in_its_middle_and_goes_evenly() -> None:
    film = film_of_two(Change(4.0, 2.0, False, True))
    weights = []
    for time in (2.9, 3.5, 4.0, 4.5, 5.1):
        mix = frame_at(film, time)
        second = mix.weight if mix.view.source == 0 else 1 - mix.weight
        assert (mix.other is None) == (time in (2.9, 5.1))
        weights.append(second)
    assert weights == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_fade_is_black_in_its_middle() -> None:
    film = film_of_two(Change(4.0, 2.0, True, True))
    assert [frame_at(film, time).light for time in (2.9, 3.5, 4.0, 4.5, 5.1)] == pytest.approx([1, 0.5, 0, 0.5, 1])


def test_the_truth_of_frames_is_at_the_first_frame_behind_a_beginning() -> None:
    film = film_of_two(Change(4.0, 0.0, False, False))
    assert begins(film, np.array([0.0, 3.9, 4.0, 4.5])).tolist() == [[False] * 2, [False] * 2, [True, False], [False] * 2]
    film = film_of_two(Change(4.0, 0.0, False, True))
    assert begins(film, np.array([0.0, 3.9, 4.1])).tolist() == [[False] * 2, [False] * 2, [True, True]]
    assert not begins(film, np.array([0.0, 1.0])).any(), "what begins behind the last frame is not asked for"
    assert film.spans_of(1).tolist() == [[4.0, 8.0]]
    assert film.spans_of(7).shape == (0, 2)


def test_ways_over_a_photograph_stay_inside_it() -> None:
    for source in range(50):
        assert paths_of(source) == paths_of(source)
        for way in paths_of(source):
            for left, top, side in way:
                assert 0 <= left <= left + side <= 1 + 1e-9
                assert 0 <= top <= top + side <= 1 + 1e-9
