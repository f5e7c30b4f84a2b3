"""Video frames: the requested frame is returned, at its time, in every container and codec."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mm.errors import MediaError
from mm.media.types import Span
from tests.media_files import Clicks, Track, click_times, number_of, numbered, scene, set_edit_list, set_rotation, steady, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.media import MediaReader

ALL = 1000.0  # frames per second: every frame
END = 100.0
RATE = steady(25, 50)
VARIABLE = [Fraction(int(time), 40) for time in np.cumsum(np.random.default_rng(0).integers(1, 8, 40))]
LATE = steady(25, 50, 2.0)

X264 = {"preset": "veryfast", "g": "12"}
PLAIN = {**X264, "bf": "0"}
REORDERED = {**X264, "bf": "3"}
OPEN_GOP = {**X264, "bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=6:scenecut=0"}
HEVC = {"preset": "ultrafast", "x265-params": "keyint=12:bframes=3:log-level=none"}
VPX = {"g": "12", "deadline": "realtime", "cpu-used": "8"}
AV1 = {"g": "12", "preset": "8", "svtav1-params": "scd=0"}

VIDEOS = {
    **{
        f"{variant} in {container}": (Track(times, options=options), container)
        for container in ("mp4", "mov", "matroska", "mpegts", "avi")
        for variant, times, options in (
            ("constant rate", RATE, PLAIN),
            ("reordered frames", RATE, REORDERED),
            ("open groups", RATE, OPEN_GOP),
            ("variable rate", VARIABLE, REORDERED),
            ("late start", LATE, REORDERED),
        )
        if container != "avi" or times is RATE  # AVI has one rate and no offset
    },
    **{f"HEVC in {container}": (Track(RATE, "libx265", HEVC), container) for container in ("mp4", "matroska", "mpegts")},
    "VP8 in WebM": (Track(RATE, "libvpx", VPX), "webm"),
    "VP9 in WebM": (Track(RATE, "libvpx-vp9", VPX), "webm"),
    "VP9 in MP4": (Track(VARIABLE, "libvpx-vp9", VPX), "mp4"),
    "AV1 in MP4": (Track(RATE, "libsvtav1", AV1), "mp4"),
    "AV1 in Matroska": (Track(VARIABLE, "libsvtav1", AV1), "matroska"),
    "MPEG-4 in AVI": (Track(RATE, "mpeg4", {"g": "12", "bf": "2"}), "avi"),
    "MPEG-2 in MPEG-PS": (Track(RATE, "mpeg2video", {"g": "12", "bf": "2"}), "vob"),
    "MPEG-1 in MPEG-PS": (Track(RATE, "mpeg1video", {"g": "12", "bf": "2"}), "mpeg"),
    "MPEG-2 in MPEG-TS": (Track(RATE, "mpeg2video", {"g": "12", "bf": "2"}), "mpegts"),
    "GIF": (Track(steady(10, 50), "gif", pix_fmt="rgb8"), "gif"),
}


@pytest.fixture(scope="module", params=VIDEOS.values(), ids=VIDEOS.keys())
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A file, and the time of each of its numbered frames."""
    track, container = request.param
    path = write(tmp_path_factory.mktemp("video") / "video", track, container=container)
    return path, [float(time - track.times[0]) for time in track.times]


def read_frames(reader: MediaReader, path: Path, *spans: Span, fps: float = ALL) -> list[tuple[float, int]]:
    """Times and numbers of frames; a frame that is sampled again counts once."""
    frames = [(frame.time, number_of(frame.image)) for span in spans for frame in reader.frames(path, path.name, span, fps)]
    return frames[:1] + [after for before, after in pairwise(frames) if after[1] != before[1]]


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("mp4", {"movflags": "faststart"}),
        ("mp4", {"movflags": "frag_keyframe+delay_moov"}),
        ("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        ("matroska", {"live": "1", "cluster_time_limit": "500"}),
        ("matroska", {"reserve_index_space": "10000"}),
        ("mpegts", {"mpegts_m2ts_mode": "1"}),
    ],
    ids=str,
)
def test_frames_of_each_container_variant_are_complete_and_on_time(
    reader: MediaReader, tmp_path: Path, container: str, options: dict[str, str]
) -> None:
    path = write(tmp_path / "video", Track(RATE, options=REORDERED), Clicks([0.5, 1.5], 2.0), container=container, **options)
    lead = reader.keyframes(path, "video")[0]  # without an edit list, audio starts before the first frame
    assert 0 <= lead < 0.13
    times = [float(time) + lead for time in RATE]
    assert_times(read_frames(reader, path, Span(0.0, END)), times)
    assert_times(read_frames(reader, path, *spans(0.0, 0.5, 0.96 + lead, END)), times)
    assert reader.probe(path, "video").duration == pytest.approx(2.0 + lead, abs=0.05)


def spans(*edges: float) -> list[Span]:
    return [Span(start, end) for start, end in pairwise(edges)]


def assert_times(frames: Sequence[tuple[float, int]], times: Sequence[float], numbers: Sequence[int] | None = None) -> None:
    numbers = range(len(times)) if numbers is None else numbers
    assert [number for _, number in frames] == list(numbers)
    assert [time for time, _ in frames] == pytest.approx(list(times), abs=0.0011)  # Matroska counts milliseconds


def test_frames_of_each_format_are_complete_and_on_time(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    assert_times(read_frames(reader, path, Span(0.0, END)), times)


def test_frames_of_tiled_spans_equal_the_whole(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    keyframes = [time for time in reader.keyframes(path, "video") if 0.3 < time < times[-1]]
    cut = sorted({*keyframes[:2], 0.333, times[20], times[30] + 0.001})
    assert_times(read_frames(reader, path, *spans(0.0, *cut, END)), times)


def test_frame_at_returns_the_frame_shown_at_that_time(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    for number in (0, 1, 7, 12, 25, len(times) - 1):
        until = times[number + 1] if number + 1 < len(times) else times[number] + 5
        for time in (times[number] + 0.002, (times[number] + until) / 2):
            assert number_of(reader.frame_at(path, "video", time)) == number


def test_frame_at_outside_the_video_returns_the_first_or_last_frame(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    assert number_of(reader.frame_at(path, "video", -1.0)) == 0
    assert number_of(reader.frame_at(path, "video", 1e6)) == len(times) - 1


def test_probe_of_a_video_describes_it(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    info = reader.probe(path, "video")
    assert (info.kind, info.width, info.height, info.rotation) == ("video", 160, 96, 0)
    assert info.has_video
    assert not info.has_audio
    assert times[-1] < info.duration < times[-1] + 0.2
    assert 5 < info.fps < 60


def test_keyframes_are_ascending_frame_times_from_0(reader: MediaReader, video: tuple[Path, list[float]]) -> None:
    path, times = video
    keyframes = reader.keyframes(path, "video")
    assert keyframes == sorted(keyframes)
    assert keyframes[0] == pytest.approx(0.0, abs=0.001)
    assert all(any(abs(key - time) < 0.0011 for time in times) for key in keyframes)


@pytest.mark.parametrize("lead", [0.0, 1.0, 60.5, 100.0])
def test_frames_of_a_transport_stream_with_a_wrapping_clock_are_on_time(reader: MediaReader, tmp_path: Path, lead: float) -> None:
    start = 2**33 / 90_000 - lead
    path = write(tmp_path / "wrap.ts", Track(steady(25, 50, start), options=REORDERED), container="mpegts")
    assert_times(read_frames(reader, path, *spans(0.0, 0.96, 1.5, END)), [float(time) for time in RATE])


@pytest.mark.parametrize("skipped", [188 * 20, 188 * 20 + 77], ids=["at a packet", "within a packet"])
def test_frames_of_a_transport_stream_cut_at_its_start_begin_at_a_key_frame(
    reader: MediaReader, tmp_path: Path, skipped: int
) -> None:
    path = write(tmp_path / "video.ts", Track(RATE, options=REORDERED), container="mpegts")
    path.write_bytes(path.read_bytes()[skipped:])
    frames = read_frames(reader, path, Span(0.0, END))
    assert_times(frames, [float(time) for time in RATE[: len(RATE) - 12]], range(12, len(RATE)))


def test_frames_of_a_video_with_an_edit_list_are_those_it_names(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", Track(RATE, options=REORDERED))
    set_edit_list(path, Fraction(17, 25), Fraction(1))
    assert_times(read_frames(reader, path, Span(0.0, END)), [float(time) for time in RATE[:25]], range(17, 42))
    assert_times(read_frames(reader, path, *spans(0.0, 0.28, 0.5, END)), [float(time) for time in RATE[:25]], range(17, 42))
    assert number_of(reader.frame_at(path, "video", 0.5)) == 29
    assert reader.probe(path, "video").duration == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_of_a_rotated_video_are_upright(reader: MediaReader, tmp_path: Path, degrees: int) -> None:
    upright = [numbered(number, 96, 160) if degrees != 180 else numbered(number) for number in range(25)]
    stored = [np.rot90(picture, degrees // 90) for picture in upright]
    height, width = stored[0].shape[:2]
    track = Track(RATE[:25], options=REORDERED, pictures=stored, width=width, height=height)
    path = write(tmp_path / "video.mp4", track)
    set_rotation(path, degrees)
    info = reader.probe(path, "video")
    assert (info.height, info.width) == upright[0].shape[:2]
    assert info.rotation == degrees
    assert_times(read_frames(reader, path, Span(0.0, END)), [float(time) for time in RATE[:25]])
    assert reader.image(path, "video").shape == upright[0].shape


def test_frame_with_non_square_pixels_is_stretched(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", Track(RATE[:25], options={**PLAIN, "x264-params": "sar=2/1"}))
    info = reader.probe(path, "video")
    assert (info.width, info.height) == (320, 96)
    picture = reader.frame_at(path, "video", 0.2)
    assert picture.shape == (96, 320, 3)
    assert number_of(picture) == 5


@pytest.mark.parametrize("longest", [1, 40, 80, 160, 500])
def test_frame_with_longest_is_scaled_down_and_never_up(reader: MediaReader, tmp_path: Path, longest: int) -> None:
    path = write(tmp_path / "video.mp4", Track(RATE[:25], options=PLAIN))
    height, width = reader.frame_at(path, "video", 0.2, longest=longest).shape[:2]
    assert max(height, width) == min(longest, 160)
    assert width / height == pytest.approx(160 / 96, rel=0.05) or longest == 1


def test_image_of_a_video_keeps_its_colours(reader: MediaReader, tmp_path: Path) -> None:
    picture = scene(3)
    path = write(tmp_path / "video.mp4", Track(RATE[:5], options={**PLAIN, "crf": "5"}, pictures=[picture] * 5))
    difference = np.abs(reader.image(path, "video").astype(int) - picture)
    assert np.median(difference) < 6


def test_audio_and_video_share_a_clock_when_video_starts_first(reader: MediaReader, tmp_path: Path) -> None:
    for container in ("mp4", "matroska", "mpegts"):
        track = Track(steady(25, 100, 1.0), options=REORDERED)
        path = write(tmp_path / container, track, Clicks([3.0, 4.0], 3.0, start=2.0), container=container)
        info = reader.probe(path, "video")
        assert info.audio_codec == "aac"
        whole = reader.waveform(path, "video", Span(0.0, 4.0))
        first, second = click_times(whole, 16_000)  # 0 is the first frame, at 1 s of the container's clock
        assert first == pytest.approx(2.0, abs=0.002)
        assert second == pytest.approx(3.0, abs=0.002)
        assert number_of(reader.frame_at(path, "video", 2.001)) == 50
        assert not whole[: int(0.9 * 16_000)].any()  # silence before the audio starts


def test_audio_and_video_share_a_clock_when_audio_starts_first(reader: MediaReader, tmp_path: Path) -> None:
    for container in ("mp4", "matroska", "mpegts"):
        path = write(
            tmp_path / container,
            Track(steady(25, 50, 3.0), options=REORDERED),
            Clicks([1.5, 4.0], 5.0, start=1.0, codec="ac3"),
            container=container,
        )
        shift = click_times(reader.waveform(path, "video", Span(0.0, 4.0)), 16_000)[1] - 3.0
        assert abs(shift) < 0.03
        first = next(iter(read_frames(reader, path, Span(1.5, END))))
        assert first[1] == 0
        assert first[0] == pytest.approx(2.0 + shift, abs=0.003)


def test_frames_of_audio_raise_no_streams(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "audio.wav", None, Clicks([0.5], 1.0, "pcm_s16le"))
    for call in (
        lambda: list(reader.frames(path, "audio.wav", Span(0, 1), 2.0)),
        lambda: reader.image(path, "audio.wav"),
        lambda: reader.frame_at(path, "audio.wav", 0.0),
        lambda: reader.keyframes(path, "audio.wav"),
    ):
        with pytest.raises(MediaError, match=r"audio\.wav") as raised:
            call()
        assert raised.value.reason == "no-streams"
