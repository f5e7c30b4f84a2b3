"""Frame sampling and shot detection on synthetic frames."""

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
class FakeFrame:
    """A decoded frame of one colour, with a given signature."""

    time: float
    signature: Signature

    def rgb(self, longest: int | None) -> RGB:
        return np.full((2, 2, 3), int(self.signature[0, 0, 0]) % 256, np.uint8)


class FakeDecoder:
    """A decoder of given frames."""

    def __init__(self, frames: list[FakeFrame]) -> None:
        self._frames = frames

    def frames(self, start: float) -> Iterator[FakeFrame]:
        """Start at a key frame a few frames before `start`, as decoders do."""
        shown = max((index for index, frame in enumerate(self._frames) if frame.time <= start), default=0)
        yield from self._frames[max(shown - 5, 0) :]


@cache
def colour_blocks(seed: int) -> RGB:
    return scene(seed, 32, 32)


def signature(seed: int, light: float = 0.0, noise: int = 0) -> Signature:
    """Signature of blocks of colour that depend on the seed, brightened, with a little noise."""
    picture = colour_blocks(seed).transpose(2, 0, 1).astype(float) * 0.8 + light
    noisy = picture + np.random.default_rng(noise).normal(0, 0.4, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.int16)


def make_frames(*shots: tuple[int, float], fps: float = 25.0) -> list[FakeFrame]:
    """Frames of shots, each given as (seed, seconds)."""
    seeds = [seed for seed, seconds in shots for _ in range(round(seconds * fps))]
    return [FakeFrame(index / fps, signature(seed, noise=index)) for index, seed in enumerate(seeds)]


def moving(seed: int, count: int, speed: int, start: float = 0.0, fps: float = 25.0) -> list[FakeFrame]:
    """Frames of a camera that pans over a wide image."""
    wide = np.concatenate([signature(seed + offset) for offset in range(8)], axis=2)
    wide = np.concatenate([wide, wide], axis=2)
    return [FakeFrame(start + i / fps, wide[:, :, i * speed % 256 : i * speed % 256 + 32]) for i in range(count)]


@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0, 60.0])
def test_cut_times_finds_hard_cuts_at_any_rate(fps: float) -> None:
    frames = make_frames((1, 3), (2, 2), (3, 4), (1, 1), fps=fps)
    assert cut_times(frames) == pytest.approx([3.0, 5.0, 9.0])


def test_cut_times_of_one_shot_is_empty() -> None:
    assert cut_times(make_frames((1, 20))) == []


@pytest.mark.parametrize("speed", [1, 2, 4])
def test_cut_times_of_a_moving_camera_is_empty(speed: int) -> None:
    assert cut_times(moving(1, 120, speed)) == []


def test_cut_times_finds_a_cut_between_moving_shots() -> None:
    first = moving(1, 75, 1)
    assert cut_times([*first, *moving(40, 75, 1, start=3.0)]) == pytest.approx([3.0])


@pytest.mark.parametrize("length", [1, 2, 4])
def test_cut_times_ignores_a_flash(length: int) -> None:
    frames = make_frames((1, 6))
    for index in range(70, 70 + length):
        frames[index] = FakeFrame(frames[index].time, np.clip(frames[index].signature + 150, 0, 255))
    assert cut_times(frames) == []


def test_cut_times_counts_a_flash_at_a_cut_once() -> None:
    frames = make_frames((1, 3), (2, 3))
    frames[75] = FakeFrame(frames[75].time, np.full((3, 32, 32), 250, np.int16))
    assert len(cut_times(frames)) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_cut_times_counts_a_dissolve_once(seconds: float) -> None:
    before, after = make_frames((1, 4)), make_frames((2, 4))
    count = round(seconds * 25)
    mixed = [
        FakeFrame(4 + i / 25, (signature(1) + (signature(2) - signature(1)) * (i + 1) / (count + 1)).astype(np.int16))
        for i in range(count)
    ]
    shifted = [FakeFrame(frame.time + 4 + seconds, frame.signature) for frame in after]
    (cut,) = cut_times([*before, *mixed, *shifted])
    assert 4.0 < cut < 4.0 + seconds + 0.3


def test_cut_times_finds_a_fade_through_black() -> None:
    frames = make_frames((1, 3), (2, 3))
    for index in range(60, 90):
        brightness = abs(index - 74.5) / 15
        frames[index] = FakeFrame(frames[index].time, (frames[index].signature * brightness).astype(np.int16))
    assert 1 <= len(cut_times(frames)) <= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.2, 4.0)), min_size=1, max_size=8), st.data())
def test_sample_frames_of_tiled_spans_are_ordered_and_complete(shots: list[tuple[int, float]], data: st.DataObject) -> None:
    frames = make_frames(*shots, fps=10.0)
    end = frames[-1].time + 0.1
    edges = sorted({0.0, end, *data.draw(st.lists(st.floats(0, end), max_size=4))})
    spans = [Span(start, stop) for start, stop in pairwise(edges)]
    tiles = [frame for span in spans for frame in sample_frames(FakeDecoder(frames), span, end, 1000.0, None)]
    times = [frame.time for frame in tiles]
    real = {frame.time for frame in frames}
    assert times == sorted(set(times))
    assert all(has_time_in(times, start, stop) for start, stop in pairwise(edges) if stop - start > 0.2)
    repeated = {round(time + REPEAT_SECONDS, 6) for time in times}
    assert all(time in real or time in edges or round(time, 6) in repeated for time in times)


def has_time_in(times: list[float], start: float, stop: float) -> bool:
    return any(start <= time < stop for time in times)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0.1, 20.0)), min_size=1, max_size=3),
    st.sampled_from([0.5, 1.0, 2.0, 5.0]),
    st.sampled_from([2.0, 5.0, 15.0]),
)
def test_sample_frames_respects_the_rate_and_the_longest_interval(
    shots: list[tuple[int, float]], fps: float, rate: float
) -> None:
    frames = make_frames(*shots, fps=rate) or make_frames((1, 1.0), fps=rate)
    end = frames[-1].time + 1 / rate
    samples = list(sample_frames(FakeDecoder(frames), Span(0.0, end), end, fps, None))
    times = [frame.time for frame in samples]
    cuts = sum(frame.cut for frame in samples)
    assert times[0] == 0.0
    assert len(samples) <= end * fps + cuts + 1
    assert all(after - before <= REPEAT_SECONDS + 1 / fps + 1 / rate for before, after in pairwise([*times, end]))
    assert all(frame.cut_time <= frame.time for frame in samples)


def test_sample_frames_repeats_a_still_image_every_few_seconds() -> None:
    samples = list(sample_frames(FakeDecoder(make_frames((1, 21))), Span(0.0, 21.0), 21.0, 2.0, None))
    assert [frame.time for frame in samples] == pytest.approx([0, 5, 10, 15, 20], abs=0.5)
    assert not any(frame.cut for frame in samples)


def test_sample_frames_repeats_a_long_frame_in_every_span() -> None:
    slides = [FakeFrame(0.0, signature(1)), FakeFrame(60.0, signature(2))]
    for start in (0.0, 20.0, 40.0):
        samples = list(sample_frames(FakeDecoder(slides), Span(start, start + 20), 80.0, 2.0, None))
        assert [frame.time for frame in samples] == [start, start + 5, start + 10, start + 15]
    samples = list(sample_frames(FakeDecoder(slides), Span(50.0, 80.0), 80.0, 2.0, None))
    assert [frame.time for frame in samples] == [50, 55, 60, 65, 70, 75]
    assert [frame.cut_time for frame in samples[2:]] == [60.0] * 4


def test_sample_frames_includes_the_first_frame_of_each_shot() -> None:
    frames = make_frames((1, 2), (2, 0.6), (3, 0.6), (4, 2))
    samples = list(sample_frames(FakeDecoder(frames), Span(0.0, 5.2), 5.2, 0.5, None))
    assert [frame.time for frame in samples if frame.cut] == pytest.approx([2.0, 2.6, 3.2])
    assert [frame.cut_time for frame in samples if frame.cut] == [frame.time for frame in samples if frame.cut]


def test_reader_frames_of_an_encoded_video_find_its_shots(reader: MediaReader, tmp_path: Path) -> None:
    pictures = [scene(seed) for seed in (1, 2, 3) for _ in range(50)]
    for container, options in (
        ("mp4", {"preset": "veryfast"}),
        ("matroska", {"preset": "veryfast", "g": "500", "sc_threshold": "0"}),
    ):
        path = write(tmp_path / container, Track(steady(25, 150), options=options, pictures=pictures), container=container)
        samples = list(reader.frames(path, "video", Span(0.0, 6.0), 2.0, 64))
        assert [frame.cut_time for frame in samples if frame.cut] == pytest.approx([2.0, 4.0])
        assert len(samples) == 3
        assert all(frame.image.shape == (38, 64, 3) for frame in samples)
