"""Events in a still camera: edges near the ground truth, and none from light, noise or motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.media.types import Span
from mm.models.temporal.motion import SIDE
from mm.spaces.encode.events import event_edges, find_activity, find_background
from mm.spaces.encode.evidence import EncodedFrame

Thumbnails = npt.NDArray[np.float32]
SECONDS, FPS = 100.0, 2.0
TIMES = np.arange(0, SECONDS, 1 / FPS)
TOLERANCE = 0.6


def room(seed: int = 0) -> Thumbnails:
    """A background (SIDE, SIDE) with detail."""
    return np.random.default_rng(seed).uniform(60, 180, (SIDE, SIDE)).astype(np.float32)


def scene(events: Sequence[tuple[float, float]], gain: float = 1.0, step: float = 0.0, noise: float = 1.5) -> Thumbnails:
    """Thumbnails (T, SIDE, SIDE): a different object for each event; the light drifts and jumps."""
    random, frames = np.random.default_rng(1), []
    for time in TIMES:
        image = room().copy()
        for number, (start, end) in enumerate(events):
            if start <= time < end:
                image[10:28, 8 + number : 14 + number] = (20.0, 220.0, 120.0, 250.0)[number % 4]
        light = 1.0 + gain * np.sin(time / 30) * 0.15 + (step if time >= 60 else 0.0)
        frames.append(np.clip(image * light + random.normal(0, noise, image.shape), 0, 255))
    return np.stack(frames).astype(np.float32)


def edges(thumbnails: Thumbnails, cuts: Sequence[float] = (), times: npt.NDArray[np.float64] = TIMES) -> list[float]:
    vector, motion = np.zeros(2, np.float32), np.zeros(3, np.float32)
    starts = [max([0.0, *(cut for cut in cuts if cut <= time)]) for time in times]
    frames = [
        EncodedFrame(float(time), vector, float(time) in cuts, start, motion, None, image)
        for time, start, image in zip(times, starts, thumbnails, strict=True)
    ]
    return event_edges(frames, Span(0.0, SECONDS))


def assert_near(found: list[float], events: Sequence[tuple[float, float]]) -> None:
    expected = sorted(time for event in events for time in event)
    assert len(found) == len(expected), found
    assert np.abs(np.array(found) - expected).max() <= TOLERANCE


@settings(max_examples=8)
@given(st.lists(st.tuples(st.floats(4, 9), st.floats(3, 9)), min_size=1, max_size=5), st.sampled_from([-0.2, 0.0, 0.2]))
def test_event_edges_of_drawn_events_are_found_in_any_light(lengths: list[tuple[float, float]], step: float) -> None:
    events, time = [], 0.0
    for pause, length in lengths:
        events.append((time + pause, time + pause + length))
        time += pause + length
    assert_near(edges(scene(events, 1.0, step)), events)


def test_event_edges_of_events_that_fill_most_of_the_time_are_found() -> None:
    events = [(5.0, 30.0), (34.0, 58.0), (62.0, 90.0)]
    assert_near(edges(scene(events)), events)


def test_event_edges_without_an_event_are_none() -> None:
    assert edges(scene([], 1.0, 0.25)) == []
    assert edges(scene([], noise=6.0)) == []


def test_event_edges_of_a_moving_camera_are_none() -> None:
    wide = np.random.default_rng(3).uniform(0, 255, (SIDE, 400)).astype(np.float32)
    assert edges(np.stack([wide[:, number : number + SIDE] for number in range(len(TIMES))])) == []


def test_event_edges_short_shots_are_not_searched() -> None:
    views = np.stack([room(int(time // 8)) + (80.0 if 4 <= time % 8 < 6 else 0.0) * (np.arange(SIDE) < 6) for time in TIMES])
    assert edges(views.astype(np.float32), [float(8 * number) for number in range(1, 13)]) == []


def test_event_edges_what_enters_and_is_taken_for_a_cut_does_not_divide_the_view() -> None:
    events = [(5.0, 30.0), (34.0, 58.0)]
    assert_near(edges(scene(events), [34.0]), events)


def test_event_edges_of_two_views_are_found_in_each() -> None:
    first = scene([(10.0, 18.0), (70.0, 80.0)])
    other = np.roll(first[:, ::-1], 9, axis=2)
    joined = np.concatenate([first[:100], other[100:]])
    assert_near(edges(joined, [50.0]), [(10.0, 18.0), (70.0, 80.0)])


def test_event_edges_frames_that_show_the_same_are_held() -> None:
    thumbnails = scene([(20.0, 40.0)], noise=0.0, gain=0.0)
    kept = [index for index, time in enumerate(TIMES) if time % 5 == 0 or time in (20.0, 40.0)]
    assert_near(edges(thumbnails[kept], times=TIMES[kept]), [(20.0, 40.0)])


def test_find_background_is_the_empty_view_although_it_is_seen_less() -> None:
    thumbnails = scene([(2.0, 40.0), (44.0, 95.0)], gain=0.0).reshape(len(TIMES), -1)
    assert np.abs(find_background(thumbnails) - room().ravel()).max() < 4.0
    assert find_activity(thumbnails).mean() == pytest.approx(0.89, abs=0.02)


def test_event_edges_without_thumbnails_are_none() -> None:
    frames = [EncodedFrame(float(time), np.zeros(2), False, 0.0, np.zeros(3)) for time in range(60)]
    assert event_edges(frames, Span(0.0, 60.0)) == []
    assert event_edges([], Span(0.0, 60.0)) == []
