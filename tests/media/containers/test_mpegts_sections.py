"""Concatenated MPEG-TS recordings with a clock each: the sections play in sequence."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import pytest

from mm.media.containers.av_file import AvFile
from mm.media.containers.file_types import MPEGTS
from mm.media.containers.mpegts_clock import WRAP, find_discontinuities, nearest_difference
from mm.media.containers.streams import to_seconds
from mm.media.segmenting import cut_chunks
from mm.media.types import SPEECH_RATE, Span
from tests.media_files import Clicks, Track, click_times, number_of, numbered, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.media import MediaReader

X264 = {"preset": "veryfast", "g": "12", "bf": "3"}
OPEN_GOP = {**X264, "x264-params": "open-gop=1:keyint=12:min-keyint=6:scenecut=0"}
COUNT, RATE = 30, 25  # frames of a section
CLICK = 1.0  # seconds after the first frame of a section
END = 100.0
CLOCKS = {  # start time of each section on its own clock
    "backwards": (20.0, 5.0, 0.0),
    "far ahead": (20.0, 5000.0, 40_000.0),
    "a little back": (20.0, 20.8, 21.0),
    "a little ahead": (20.0, 33.0, 46.0),
    # libavformat assumes a wrap 60 s before the first timestamp
    "across the demuxer's border": (100.0, 39.2, 39.5),
    "across the wrap": (50.0, 2**33 / 90_000 - 0.8, 30.0),
    "the same": (10.0, 10.0, 10.0),
}


@dataclass(frozen=True)
class Recording:
    """A concatenated file, and each of its sections as a separate file."""

    whole: Path
    sections: Sequence[Path]


def concatenate(
    folder: Path, starts: Sequence[float], options: dict[str, str] | None = None, skip: int = 0, **muxer: str
) -> Recording:
    """`skip` is the number of bytes removed at the start of every section."""
    sections = []
    for index, start in enumerate(starts):
        pictures = [numbered(index * COUNT + number) for number in range(COUNT)]
        times = [Fraction(start).limit_denominator(90_000) + Fraction(number, RATE) for number in range(COUNT)]
        track = Track(times, options=options or X264, pictures=pictures)
        audio = Clicks([start + CLICK], COUNT / RATE, "mp2", start=start)
        sections.append(write(folder / f"section{index}.ts", track, audio, container="mpegts", **muxer))
        if skip:
            sections[-1].write_bytes(sections[-1].read_bytes()[skip:])
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(section.read_bytes() for section in sections))
    return Recording(whole, sections)


def read_frames(reader: MediaReader, path: Path, *spans: Span) -> list[tuple[float, int]]:
    frames = [(frame.time, number_of(frame.image)) for span in spans for frame in reader.frames(path, path.name, span, 1000.0)]
    return frames[:1] + [after for before, after in pairwise(frames) if after[1] != before[1]]


def assert_played_in_sequence(reader: MediaReader, recording: Recording) -> None:
    durations = [reader.probe(section, section.name).duration for section in recording.sections]
    begins = [0.0, *accumulate(durations)]
    assert reader.probe(recording.whole, "whole").duration == pytest.approx(begins[-1], abs=0.001)
    expected = [
        (begin + time, number)
        for section, begin in zip(recording.sections, begins, strict=False)
        for time, number in read_frames(reader, section, Span(0.0, END))
    ]
    assert len(expected) > COUNT
    edges = [0.0, 0.77, begins[1] - 0.1, begins[1], begins[1] + 0.31, begins[2] + 0.5, END]
    for spans in ([Span(0.0, END)], [Span(start, end) for start, end in pairwise(edges)]):
        shown = read_frames(reader, recording.whole, *spans)
        assert [number for _, number in shown] == [number for _, number in expected]
        assert [time for time, _ in shown] == pytest.approx([time for time, _ in expected], abs=0.001)
    for time, number in expected[3::29]:
        assert number_of(reader.frame_at(recording.whole, "whole", time + 0.002)) == number
    keyframes = [
        begin + time
        for section, begin in zip(recording.sections, begins, strict=False)
        for time in reader.keyframes(section, section.name)
    ]
    assert reader.keyframes(recording.whole, "whole") == pytest.approx(keyframes, abs=0.001)


def assert_clicks_at_their_frames(reader: MediaReader, recording: Recording) -> None:
    duration = reader.probe(recording.whole, "whole").duration
    times = {number: time for time, number in read_frames(reader, recording.whole, Span(0.0, END))}
    with_clicks = [times[index * COUNT + round(CLICK * RATE)] for index in range(len(recording.sections))]
    assert click_times(reader.waveform(recording.whole, "whole", Span(0.0, duration)), SPEECH_RATE) == pytest.approx(
        with_clicks, abs=0.001
    )
    start = with_clicks[-1] - 0.2  # within the last section
    (click,) = click_times(reader.waveform(recording.whole, "whole", Span(start, duration)), SPEECH_RATE)
    assert start + click == pytest.approx(with_clicks[-1], abs=0.001)


@pytest.mark.parametrize("starts", CLOCKS.values(), ids=CLOCKS.keys())
def test_concatenated_sections_play_in_sequence(reader: MediaReader, tmp_path: Path, starts: Sequence[float]) -> None:
    recording = concatenate(tmp_path, starts)
    assert_played_in_sequence(reader, recording)
    assert_clicks_at_their_frames(reader, recording)


@pytest.mark.parametrize(
    ("options", "skip", "muxer"),
    [
        (OPEN_GOP, 0, {}),
        (X264, 0, {"mpegts_m2ts_mode": "1"}),
        (X264, 188 * 20, {}),
        ({"preset": "veryfast", "g": "300", "bf": "0"}, 0, {"pat_period": "0.1"}),
    ],
    ids=["open groups", "M2TS", "within a group", "one group"],
)
def test_concatenated_sections_of_each_encoding_play_in_sequence(
    reader: MediaReader, tmp_path: Path, options: dict[str, str], skip: int, muxer: dict[str, str]
) -> None:
    assert_played_in_sequence(reader, concatenate(tmp_path, (20.0, 5.0, 0.0), options, skip, **muxer))


def test_chunks_of_a_concatenated_recording_give_all_its_frames(reader: MediaReader, tmp_path: Path) -> None:
    whole = concatenate(tmp_path, (20.0, 5.0, 0.0)).whole
    chunks = cut_chunks(reader.probe(whole, "whole").duration, reader.keyframes(whole, "whole"), 1.0)
    assert len(chunks) > 3
    assert read_frames(reader, whole, *chunks) == read_frames(reader, whole, Span(0.0, END))


def test_seek_into_a_later_section_starts_at_its_bytes(tmp_path: Path) -> None:
    whole = concatenate(tmp_path, (20.0, 5.0, 0.0)).whole
    with whole.open("rb") as file, AvFile(file, "whole", MPEGTS, 1 << 20, lambda: None) as media:
        media.find_sections()
        video = media.stream("video")
        assert media.sections is not None
        begin = media.sections.sections[2].shown
        assert media.seek(Fraction(begin, 90_000) + 1, video)
        packet = next(iter(media.packets(video)))
        assert packet.is_keyframe
        assert packet.pts is not None
        assert 0 <= to_seconds(packet.pts, video) - Fraction(begin, 90_000) <= 1


@pytest.mark.parametrize("start", [20.0, 2**33 / 90_000 - 0.7])
def test_find_discontinuities_of_a_single_clock_is_empty(tmp_path: Path, start: float) -> None:
    data = concatenate(tmp_path, (start,)).sections[0].read_bytes()
    clock = [at for at in range(0, len(data), 188) if data[at + 3] & 0x20 and data[at + 4] >= 7 and data[at + 5] & 0x10]
    assert len(clock) > 3
    damaged = bytearray(data)
    damaged[clock[2] + 6] ^= 0x55  # one wrong reference
    for variant in (data, data[77:], bytes(damaged), data[: clock[2]] + b"noise" + data[clock[2] :]):
        assert find_discontinuities(io.BytesIO(variant), frozenset(), lambda: None) == []


def test_nearest_difference_resolves_the_wrap() -> None:
    assert [nearest_difference(ticks) for ticks in (0, 5, -5, WRAP, WRAP + 5, WRAP - 5)] == [0, 5, -5, 0, 5, -5]
