"""Pictures that are passed over: only those that nobody needs, and every time stays that of the
picture that has it."""

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
from tests.media_files import Track, edit, number_of, scene, steady, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mm.media.types import RGB

FPS = 2.0
MILLISECOND = 0.0011  # Matroska counts these
RATE, HALVED = steady(25, 100), steady(30, 100)
VARIABLE = [Fraction(int(time), 50) for time in np.cumsum(np.random.default_rng(0).integers(1, 12, 60))]


def x264(**options: object) -> dict[str, str]:
    return {"preset": "veryfast", "x264-params": ":".join(f"{key.replace('_', '-')}={value}" for key, value in options.items())}


FILMS = {
    "medium": (Track(RATE, options={"preset": "medium"}), "mp4"),
    "no pyramid": (Track(HALVED, options=x264(bframes=3, b_pyramid="none", b_adapt=0, keyint=30)), "mp4"),
    "pyramid": (Track(RATE, options=x264(bframes=7, b_pyramid="normal", b_adapt=0, keyint=50)), "matroska"),
    "open groups": (Track(RATE, options=x264(open_gop=1, bframes=3, keyint=12, min_keyint=6, scenecut=0)), "mp4"),
    "variable rate": (Track(VARIABLE, options=x264(bframes=3, b_adapt=0)), "matroska"),
    "late start": (Track(steady(30, 100, 2.0), options=x264(bframes=3, b_adapt=0)), "mov"),
    "many in a row": (Track(RATE, options=x264(bframes=16, b_pyramid="none", b_adapt=0)), "mp4"),
}


@pytest.fixture(scope="module")
def plain() -> Iterator[MediaReader]:
    with MediaReader(decoder="pyav") as reader:
        yield reader


@pytest.fixture(scope="module", params=FILMS.values(), ids=FILMS.keys())
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A film, and the time of each of its numbered pictures."""
    track, container = request.param
    path = write(tmp_path_factory.mktemp("film") / "film", track, container=container)
    return path, [float(time - track.times[0]) for time in track.times]


def pictures(path: Path, late: float, start: float = 0.0) -> list[tuple[float, RGB]]:
    """Times of all pictures that the decoder hands out, and the pictures."""
    with path.open("rb") as file:
        opened = OpenedFile(file, "film", Limits(), "auto", lambda: None, FactsCache())
        with opened._open_video() as media:
            return [(frame.time, frame.rgb(None)) for frame in opened._decoder(media, late).frames(start)]


def decoded(path: Path, late: float, start: float = 0.0) -> list[tuple[float, int]]:
    """The same, with the number that each picture carries."""
    return [(time, number_of(picture)) for time, picture in pictures(path, late, start)]


def test_what_is_decoded_is_decoded_as_before(tmp_path: Path) -> None:
    path = write(tmp_path / "film", Track(RATE, options=x264(bframes=5, b_adapt=0, keyint=40)), container="mp4")
    few, whole = dict(pictures(path, MAX_DELAY_SECONDS)), dict(pictures(path, 0.0))
    assert len(few) < len(whole)
    assert all(np.array_equal(picture, whole[time]) for time, picture in few.items())


@pytest.mark.parametrize("hundredths", [96, 100, 104, 108, 112])
def test_what_an_edit_list_hides_stands_for_nothing(tmp_path: Path, hundredths: int) -> None:
    path = write(tmp_path / "film", Track(RATE, options=x264(bframes=3, b_adapt=0, b_pyramid="none")), container="mp4")
    edit(path, Fraction(1, 5), Fraction(hundredths, 100))
    whole = [time for time, _ in decoded(path, 0.0)]
    there = [time for time, _ in decoded(path, MAX_DELAY_SECONDS)]
    assert all(any(0 <= other - time <= MAX_DELAY_SECONDS + MILLISECOND for other in there) for time in whole)


def assert_stood_for(kept: list[tuple[float, int]], times: list[float], start: float = 0.0) -> None:
    """What is there has its own time, and what is not, from `start` on, is followed soon."""
    assert [time for time, _ in kept] == pytest.approx([times[number] for _, number in kept], abs=MILLISECOND)
    there = [time for time, _ in kept]
    for time in times[bisect_left(times, start) :]:
        after = bisect_left(there, time - MILLISECOND)
        assert after < len(there)
        assert there[after] - time <= MAX_DELAY_SECONDS + MILLISECOND


def test_each_picture_that_is_missing_is_followed_soon(film: tuple[Path, list[float]]) -> None:
    path, times = film
    kept = decoded(path, MAX_DELAY_SECONDS)
    assert len(kept) < len(times), "something is passed over"
    assert_stood_for(kept, times)
    assert len(decoded(path, 0.0)) == len(times)


def test_from_the_middle_on(film: tuple[Path, list[float]]) -> None:
    path, times = film
    for start in (times[30], times[55] + 0.01):
        kept = decoded(path, MAX_DELAY_SECONDS, start)
        assert kept[0][0] <= start + MILLISECOND
        assert_stood_for(kept, times, max(start, kept[0][0]))


def test_samples_are_those_of_the_plain_way_or_soon_after(
    reader: MediaReader, plain: MediaReader, film: tuple[Path, list[float]]
) -> None:
    path, times = film
    edges = [0.0, times[40], times[-1] + 0.04]
    for span in (Span(start, end) for start, end in pairwise(edges)):
        fast = [frame.time for frame in reader.frames(path, "film", span, FPS)]
        slow = [frame.time for frame in plain.frames(path, "film", span, FPS) if not frame.cut]  # numbers may look like a cut
        for frame in reader.frames(path, "film", span, FPS):
            shown = times[number_of(frame.image)]
            held = [time for time in times if shown + MILLISECOND < time < frame.time - MAX_DELAY_SECONDS]
            assert shown <= frame.time + MILLISECOND
            assert not held, "it is shown at its time, or what is shown then came within the tolerance"
        for time in slow:
            assert any(-MILLISECOND <= other - time <= MAX_DELAY_SECONDS + MILLISECOND for other in fast) or time > span.end - 0.1


def test_shots_begin_with_the_same_picture_or_soon_after(reader: MediaReader, plain: MediaReader, tmp_path: Path) -> None:
    """A wide picture that passes by, another one each time; no encoder's help: cuts may fall on any
    kind of picture."""
    lengths, pictures = [37, 50, 43, 61, 44], []
    for seed, length in enumerate(lengths):
        wide = scene(seed, 480, 96)
        pictures += [np.ascontiguousarray(np.roll(wide, -4 * index, axis=1)[:, :160]) for index in range(length)]
    options = x264(bframes=3, b_adapt=0, scenecut=0, keyint=250)
    path = write(tmp_path / "film", Track(steady(25, sum(lengths)), options=options, pictures=pictures), container="mp4")
    span = Span(0.0, len(pictures) / 25)
    fast, slow = (sorted({f.cut_time for f in r.frames(path, "film", span, FPS) if f.cut}) for r in (reader, plain))
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
    ids=["MPEG-TS", "AVI", "two fields", "HEVC", "all referred to"],
)
def test_what_is_not_known_is_decoded_as_a_whole(tmp_path: Path, track: Track, container: str) -> None:
    path = write(tmp_path / "film", track, container=container)
    assert len(decoded(path, MAX_DELAY_SECONDS)) == len(track.times)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bframes=st.integers(1, 8),
    pyramid=st.sampled_from(["none", "strict", "normal"]),
    keyint=st.integers(5, 60),
    open_gop=st.integers(0, 1),
    ref=st.integers(1, 5),
    steps=st.lists(st.integers(1, 10), min_size=30, max_size=45),
)
def test_whatever_the_encoder_does(
    tmp_path: Path, bframes: int, pyramid: str, keyint: int, open_gop: int, ref: int, steps: list[int]
) -> None:
    times = [Fraction(int(time), 60) for time in np.cumsum([0, *steps])]
    options = x264(bframes=bframes, b_pyramid=pyramid, keyint=keyint, open_gop=open_gop, ref=ref, b_adapt=0)
    path = write(tmp_path / "film.mkv", Track(times, options=options), container="matroska")
    assert_stood_for(decoded(path, MAX_DELAY_SECONDS), [float(time) for time in times])


@given(st.binary(max_size=40), st.integers(1, 4))
def test_no_bytes_break_the_look_at_a_packet(data: bytes, length_bytes: int) -> None:
    is_disposable(memoryview(data), length_bytes)


def test_a_packet_is_disposable_when_all_its_slices_are() -> None:
    def unit(head: int) -> bytes:
        return bytes([0, 0, 0, 2, head, 0xFF])

    parameters, kept, free = unit(0x06), unit(0x41), unit(0x01)
    assert is_disposable(memoryview(parameters + free + free), 4)
    assert not is_disposable(memoryview(free + kept), 4)
    assert not is_disposable(memoryview(parameters), 4)
    assert not is_disposable(memoryview(free[:-1]), 4), "cut off"
    assert not is_disposable(memoryview(b""), 4)


def test_the_tolerance_shrinks_with_the_time_between_samples() -> None:
    assert max_delay_at(2.0) == MAX_DELAY_SECONDS
    assert max_delay_at(1000.0) < 0.001
