"""Frame skipping: only frames that are not needed are skipped, and all others keep their times."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.media import MediaReader
from mm.media.decoding.frame_skipping import MAX_DELAY_SECONDS, is_disposable, max_delay_at
from mm.media.decoding.opened_file import FactsCache, OpenedFile
from mm.media.types import Limits, Span
from tests.media_files import Track, number_of, scene, set_edit_list, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mm.media.types import RGB

FPS = 2.0
MILLISECOND = 0.0011  # Matroska counts milliseconds
RATE, HALVED = steady(25, 100), steady(30, 100)
VARIABLE = [Fraction(int(time), 50) for time in np.cumsum(np.random.default_rng(0).integers(1, 12, 60))]


def x264(**options: object) -> dict[str, str]:
    return {"preset": "veryfast", "x264-params": ":".join(f"{key.replace('_', '-')}={value}" for key, value in options.items())}


VIDEOS = {
    "medium": (Track(RATE, options={"preset": "medium"}), "mp4"),
    "no pyramid": (Track(HALVED, options=x264(bframes=3, b_pyramid="none", b_adapt=0, keyint=30)), "mp4"),
    "pyramid": (Track(RATE, options=x264(bframes=7, b_pyramid="normal", b_adapt=0, keyint=50)), "matroska"),
    "open groups": (Track(RATE, options=x264(open_gop=1, bframes=3, keyint=12, min_keyint=6, scenecut=0)), "mp4"),
    "variable rate": (Track(VARIABLE, options=x264(bframes=3, b_adapt=0)), "matroska"),
    "late start": (Track(steady(30, 100, 2.0), options=x264(bframes=3, b_adapt=0)), "mov"),
    "many B-frames in a row": (Track(RATE, options=x264(bframes=16, b_pyramid="none", b_adapt=0)), "mp4"),
}


@pytest.fixture(scope="module")
def reference() -> Iterator[MediaReader]:
    with MediaReader(decoder="pyav") as reader:
        yield reader


@pytest.fixture(scope="module", params=VIDEOS.values(), ids=VIDEOS.keys())
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A video, and the time of each of its numbered frames."""
    track, container = request.param
    path = write(tmp_path_factory.mktemp("video") / "video", track, container=container)
    return path, [float(time - track.times[0]) for time in track.times]


def decode(path: Path, max_delay: float, start: float = 0.0) -> list[tuple[float, RGB]]:
    """Times and images of all frames that the decoder returns."""
    with path.open("rb") as file:
        opened = OpenedFile(file, "video", Limits(), "auto", lambda: None, FactsCache())
        with opened._open_video() as media:
            return [(frame.time, frame.rgb(None)) for frame in opened._decoder(media, max_delay).frames(start)]


def decode_numbers(path: Path, max_delay: float, start: float = 0.0) -> list[tuple[float, int]]:
    """Times and numbers of all frames that the decoder returns."""
    return [(time, number_of(image)) for time, image in decode(path, max_delay, start)]


def test_frames_that_are_not_skipped_are_identical_to_a_full_decode(tmp_path: Path) -> None:
    path = write(tmp_path / "video", Track(RATE, options=x264(bframes=5, b_adapt=0, keyint=40)), container="mp4")
    few, whole = dict(decode(path, MAX_DELAY_SECONDS)), dict(decode(path, 0.0))
    assert len(few) < len(whole)
    assert all(np.array_equal(image, whole[time]) for time, image in few.items())


@pytest.mark.parametrize("hundredths", [96, 100, 104, 108, 112])
def test_frame_hidden_by_an_edit_list_replaces_no_skipped_frame(tmp_path: Path, hundredths: int) -> None:
    path = write(tmp_path / "video", Track(RATE, options=x264(bframes=3, b_adapt=0, b_pyramid="none")), container="mp4")
    set_edit_list(path, Fraction(1, 5), Fraction(hundredths, 100))
    whole = [time for time, _ in decode_numbers(path, 0.0)]
    returned = [time for time, _ in decode_numbers(path, MAX_DELAY_SECONDS)]
    assert all(any(0 <= other - time <= MAX_DELAY_SECONDS + MILLISECOND for other in returned) for time in whole)


def assert_replaced_within_delay(frames: list[tuple[float, int]], times: list[float], start: float = 0.0) -> None:
    """Each returned frame has its own time, and each skipped one after `start` is followed soon."""
    assert [time for time, _ in frames] == pytest.approx([times[number] for _, number in frames], abs=MILLISECOND)
    returned = [time for time, _ in frames]
    for time in times[bisect_left(times, start) :]:
        after = bisect_left(returned, time - MILLISECOND)
        assert after < len(returned)
        assert returned[after] - time <= MAX_DELAY_SECONDS + MILLISECOND


def test_skipped_frame_is_followed_by_another_within_the_delay(video: tuple[Path, list[float]]) -> None:
    path, times = video
    frames = decode_numbers(path, MAX_DELAY_SECONDS)
    assert len(frames) < len(times), "some frames are skipped"
    assert_replaced_within_delay(frames, times)
    assert len(decode_numbers(path, 0.0)) == len(times)


def test_skipping_after_a_seek_keeps_times_and_delay(video: tuple[Path, list[float]]) -> None:
    path, times = video
    for start in (times[30], times[55] + 0.01):
        frames = decode_numbers(path, MAX_DELAY_SECONDS, start)
        assert frames[0][0] <= start + MILLISECOND
        assert_replaced_within_delay(frames, times, max(start, frames[0][0]))


def test_samples_with_skipping_equal_the_reference_or_follow_soon(
    reader: MediaReader, reference: MediaReader, video: tuple[Path, list[float]]
) -> None:
    path, times = video
    edges = [0.0, times[40], times[-1] + 0.04]
    for span in (Span(start, end) for start, end in pairwise(edges)):
        fast = [frame.time for frame in reader.frames(path, "video", span, FPS)]
        slow = [
            frame.time for frame in reference.frames(path, "video", span, FPS) if not frame.cut
        ]  # a change of numbers may be detected as a cut
        for frame in reader.frames(path, "video", span, FPS):
            shown = times[number_of(frame.image)]
            later = [time for time in times if shown + MILLISECOND < time < frame.time - MAX_DELAY_SECONDS]
            assert shown <= frame.time + MILLISECOND
            assert not later, "no later frame was shown by then, except within the delay"
        for time in slow:
            assert any(-MILLISECOND <= other - time <= MAX_DELAY_SECONDS + MILLISECOND for other in fast) or time > span.end - 0.1


def test_shots_with_skipping_equal_the_reference_or_start_soon_after(
    reader: MediaReader, reference: MediaReader, tmp_path: Path
) -> None:
    """Shots of a panning camera. The encoder detects no cuts: any type of frame may start one."""
    lengths, pictures = [37, 50, 43, 61, 44], []
    for seed, length in enumerate(lengths):
        wide = scene(seed, 480, 96)
        pictures += [np.ascontiguousarray(np.roll(wide, -4 * index, axis=1)[:, :160]) for index in range(length)]
    options = x264(bframes=3, b_adapt=0, scenecut=0, keyint=250)
    path = write(tmp_path / "video", Track(steady(25, sum(lengths)), options=options, pictures=pictures), container="mp4")
    span = Span(0.0, len(pictures) / 25)
    fast, slow = (sorted({f.cut_time for f in r.frames(path, "video", span, FPS) if f.cut}) for r in (reader, reference))
    assert slow == pytest.approx(list(np.cumsum(lengths[:-1]) / 25))
    assert len(fast) == len(slow)
    assert all(0 <= late - time <= MAX_DELAY_SECONDS + MILLISECOND for late, time in zip(fast, slow, strict=True))


@pytest.mark.parametrize(
    ("track", "container"),
    [
        (Track(RATE, options=x264(bframes=3, b_adapt=0)), "mpegts"),
        (Track(RATE, options=x264(bframes=3, b_adapt=0)), "avi"),
        (Track(RATE, options=x264(bframes=3, interlaced=1)), "mp4"),
        (Track(RATE, "libx265", {"preset": "ultrafast", "x265-params": "bframes=3:log-level=none"}), "mp4"),
        (Track(RATE, options=x264(bframes=0)), "mp4"),
    ],
    ids=["MPEG-TS", "AVI", "interlaced", "HEVC", "all reference frames"],
)
def test_unsupported_streams_are_decoded_without_skipping(tmp_path: Path, track: Track, container: str) -> None:
    path = write(tmp_path / "video", track, container=container)
    assert len(decode_numbers(path, MAX_DELAY_SECONDS)) == len(track.times)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bframes=st.integers(1, 8),
    pyramid=st.sampled_from(["none", "strict", "normal"]),
    keyint=st.integers(5, 60),
    open_gop=st.integers(0, 1),
    ref=st.integers(1, 5),
    steps=st.lists(st.integers(1, 10), min_size=30, max_size=45),
)
def test_skipping_with_random_encoder_options_keeps_times_and_delay(
    tmp_path: Path, bframes: int, pyramid: str, keyint: int, open_gop: int, ref: int, steps: list[int]
) -> None:
    times = [Fraction(int(time), 60) for time in np.cumsum([0, *steps])]
    options = x264(bframes=bframes, b_pyramid=pyramid, keyint=keyint, open_gop=open_gop, ref=ref, b_adapt=0)
    path = write(tmp_path / "video.mkv", Track(times, options=options), container="matroska")
    assert_replaced_within_delay(decode_numbers(path, MAX_DELAY_SECONDS), [float(time) for time in times])


@given(st.binary(max_size=40), st.integers(1, 4))
def test_is_disposable_accepts_any_bytes(data: bytes, length_bytes: int) -> None:
    is_disposable(memoryview(data), length_bytes)


def test_is_disposable_requires_all_slices_to_be_disposable() -> None:
    def unit(head: int) -> bytes:
        return bytes([0, 0, 0, 2, head, 0xFF])

    parameters, reference, disposable = unit(0x06), unit(0x41), unit(0x01)
    assert is_disposable(memoryview(parameters + disposable + disposable), 4)
    assert not is_disposable(memoryview(disposable + reference), 4)
    assert not is_disposable(memoryview(parameters), 4)
    assert not is_disposable(memoryview(disposable[:-1]), 4), "truncated"
    assert not is_disposable(memoryview(b""), 4)


def test_max_delay_at_shrinks_with_the_sampling_interval() -> None:
    assert max_delay_at(2.0) == MAX_DELAY_SECONDS
    assert max_delay_at(1000.0) < 0.001
