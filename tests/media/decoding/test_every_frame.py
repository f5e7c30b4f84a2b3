"""Every frame of a video: repeated frames too, at most a rate, the same from any start."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.errors import InvalidInput
from mm.media import MediaReader
from mm.media.types import Span
from tests.media_files import Track, number_of, numbered, steady, write


def times_and_numbers(reader: MediaReader, path: Path, start: float, fps: float = 100.0) -> list[tuple[float, int]]:
    frames = reader.every_frame(path, path.name, Span(start, 100.0), fps)
    return [(round(frame.time, 3), number_of(frame.image)) for frame in frames]


def test_every_frame_still_video_includes_repeated_frames(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "still.mp4", Track(steady(10, 20), pictures=[numbered(5)] * 20))
    assert times_and_numbers(reader, path, 0.0) == [(index / 10, 5) for index in range(20)]


def test_every_frame_lower_rate_is_the_same_from_any_start(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "moving.mp4", Track(steady(30, 60), options={"g": "12"}))
    complete = times_and_numbers(reader, path, 0.0, fps=12.0)
    assert len(complete) == 24
    for start in (0.0, 0.31, 0.7, 1.5):
        assert times_and_numbers(reader, path, start, fps=12.0) == [pair for pair in complete if pair[0] >= start]


def test_every_frame_invalid_rate_is_refused(reader: MediaReader, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must be positive"):
        reader.every_frame(tmp_path / "x.mp4", "x.mp4", Span(0.0, 1.0), 0.0)
