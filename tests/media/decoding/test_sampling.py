"""Which frames are kept, and where shots are cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.media.decoding.sampling import REPEAT_SECONDS, sample_frames
from mm.media.decoding.shots import cut_times
from mm.media.types import Span
from tests.media_files import Track, scene, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mm.media import MediaReader
    from mm.media.decoding.decoder import Signature
    from mm.media.types import RGB


@dataclass(frozen=True)
class Picture:
    """A decoded frame made of nothing."""

    time: float
    signature: Signature

    def rgb(self, longest: int | None) -> RGB:
        return np.full((2, 2, 3), int(self.signature[0, 0, 0]) % 256, np.uint8)


class Film:
    """A decoder of frames that are known."""

    def __init__(self, frames: list[Picture]) -> None:
        self._frames = frames

    def frames(self, start: float) -> Iterator[Picture]:
        """As an honest decoder: from a key frame in front of what is asked for."""
        shown = max((index for index, frame in enumerate(self._frames) if frame.time <= start), default=0)
        yield from self._frames[max(shown - 5, 0) :]


@cache
def ground(seed: int) -> RGB:
    return scene(seed, 32, 32)


def signature(seed: int, light: float = 0.0, noise: int = 0) -> Signature:
    """Blocks of colour, another one for each seed, made lighter, with a little noise."""
    picture = ground(seed).transpose(2, 0, 1).astype(float) * 0.8 + light
    noisy = picture + np.random.default_rng(noise).normal(0, 0.4, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.int16)


def film(*shots: tuple[int, float], fps: float = 25.0) -> list[Picture]:
    """Pictures of shots: (seed, seconds)."""
    seeds = [seed for seed, seconds in shots for _ in range(round(seconds * fps))]
    return [Picture(index / fps, signature(seed, noise=index)) for index, seed in enumerate(seeds)]


def moving(seed: int, count: int, speed: int, start: float = 0.0, fps: float = 25.0) -> list[Picture]:
    """A wide picture that passes by."""
    wide = np.concatenate([signature(seed + part) for part in range(8)], axis=2)
    wide = np.concatenate([wide, wide], axis=2)
    return [Picture(start + i / fps, wide[:, :, i * speed % 256 : i * speed % 256 + 32]) for i in range(count)]


@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0, 60.0])
def test_hard_cuts(fps: float) -> None:
    frames = film((1, 3), (2, 2), (3, 4), (1, 1), fps=fps)
    assert cut_times(frames) == pytest.approx([3.0, 5.0, 9.0])


def test_one_shot_has_no_cut() -> None:
    assert cut_times(film((1, 20))) == []


@pytest.mark.parametrize("speed", [1, 2, 4])
def test_a_moving_camera_is_no_cut(speed: int) -> None:
    assert cut_times(moving(1, 120, speed)) == []


def test_a_cut_between_moving_shots() -> None:
    first = moving(1, 75, 1)
    assert cut_times([*first, *moving(40, 75, 1, start=3.0)]) == pytest.approx([3.0])


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = film((1, 6))
    for index in range(70, 70 + length):
        frames[index] = Picture(frames[index].time, np.clip(frames[index].signature + 150, 0, 255))
    assert cut_times(frames) == []


def test_a_flash_at_a_cut_is_one_cut() -> None:
    frames = film((1, 3), (2, 3))
    frames[75] = Picture(frames[75].time, np.full((3, 32, 32), 250, np.int16))
    assert len(cut_times(frames)) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_dissolve_is_one_cut(seconds: float) -> None:
    before, after = film((1, 4)), film((2, 4))
    count = round(seconds * 25)
    mixed = [
        Picture(4 + i / 25, (signature(1) + (signature(2) - signature(1)) * (i + 1) / (count + 1)).astype(np.int16))
        for i in range(count)
    ]
    shifted = [Picture(frame.time + 4 + seconds, frame.signature) for frame in after]
    (cut,) = cut_times([*before, *mixed, *shifted])
    assert 4.0 < cut < 4.0 + seconds + 0.3


def test_a_fade_through_black_is_a_cut() -> None:
    frames = film((1, 3), (2, 3))
    for index in range(60, 90):
        share = abs(index - 74.5) / 15
        frames[index] = Picture(frames[index].time, (frames[index].signature * share).astype(np.int16))
    assert 1 <= len(cut_times(frames)) <= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.2, 4.0)), min_size=1, max_size=8), st.data())
def test_frames_of_tiles_are_those_of_the_whole(shots: list[tuple[int, float]], data: st.DataObject) -> None:
    frames = film(*shots, fps=10.0)
    end = frames[-1].time + 0.1
    edges = sorted({0.0, end, *data.draw(st.lists(st.floats(0, end), max_size=4))})
    tiles = [
        frame for start, stop in pairwise(edges) for frame in sample_frames(Film(frames), Span(start, stop), end, 1000.0, None)
    ]
    times = [frame.time for frame in tiles]
    real = {frame.time for frame in frames}
    assert times == sorted(set(times))
    assert all(span_has(times, start, stop) for start, stop in pairwise(edges) if stop - start > 0.2)
    again = {round(time + REPEAT_SECONDS, 6) for time in times}
    assert all(time in real or time in edges or round(time, 6) in again for time in times)


def span_has(times: list[float], start: float, stop: float) -> bool:
    return any(start <= time < stop for time in times)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0.1, 20.0)), min_size=1, max_size=3),
    st.sampled_from([0.5, 1.0, 2.0, 5.0]),
    st.sampled_from([2.0, 5.0, 15.0]),
)
def test_never_too_many_and_never_too_few(shots: list[tuple[int, float]], fps: float, rate: float) -> None:
    frames = film(*shots, fps=rate) or film((1, 1.0), fps=rate)
    end = frames[-1].time + 1 / rate
    kept = list(sample_frames(Film(frames), Span(0.0, end), end, fps, None))
    times = [frame.time for frame in kept]
    cuts = sum(frame.cut for frame in kept)
    assert times[0] == 0.0
    assert len(kept) <= end * fps + cuts + 1
    assert all(after - before <= REPEAT_SECONDS + 1 / fps + 1 / rate for before, after in pairwise([*times, end]))
    assert all(frame.cut_time <= frame.time for frame in kept)


def test_what_stands_still_is_given_every_few_seconds() -> None:
    kept = list(sample_frames(Film(film((1, 21))), Span(0.0, 21.0), 21.0, 2.0, None))
    assert [frame.time for frame in kept] == pytest.approx([0, 5, 10, 15, 20], abs=0.5)
    assert not any(frame.cut for frame in kept)


def test_a_picture_held_for_long_is_given_again_in_every_span() -> None:
    slides = [Picture(0.0, signature(1)), Picture(60.0, signature(2))]
    for start in (0.0, 20.0, 40.0):
        kept = list(sample_frames(Film(slides), Span(start, start + 20), 80.0, 2.0, None))
        assert [frame.time for frame in kept] == [start, start + 5, start + 10, start + 15]
    kept = list(sample_frames(Film(slides), Span(50.0, 80.0), 80.0, 2.0, None))
    assert [frame.time for frame in kept] == [50, 55, 60, 65, 70, 75]
    assert [frame.cut_time for frame in kept[2:]] == [60.0] * 4


def test_the_first_frame_of_each_shot_is_kept() -> None:
    frames = film((1, 2), (2, 0.6), (3, 0.6), (4, 2))
    kept = list(sample_frames(Film(frames), Span(0.0, 5.2), 5.2, 0.5, None))
    assert [frame.time for frame in kept if frame.cut] == pytest.approx([2.0, 2.6, 3.2])
    assert [frame.cut_time for frame in kept if frame.cut] == [frame.time for frame in kept if frame.cut]


def test_shots_of_a_real_film(reader: MediaReader, tmp_path: Path) -> None:
    pictures = [scene(seed) for seed in (1, 2, 3) for _ in range(50)]
    for container, options in (
        ("mp4", {"preset": "veryfast"}),
        ("matroska", {"preset": "veryfast", "g": "500", "sc_threshold": "0"}),
    ):
        path = write(tmp_path / container, Track(steady(25, 150), options=options, pictures=pictures), container=container)
        kept = list(reader.frames(path, "film", Span(0.0, 6.0), 2.0, 64))
        assert [frame.cut_time for frame in kept if frame.cut] == pytest.approx([2.0, 4.0])
        assert len(kept) == 3
        assert all(frame.image.shape == (38, 64, 3) for frame in kept)
