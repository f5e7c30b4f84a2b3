"""A video file as a source, and a line over it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from mm.errors import InvalidInput, NotFound
from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.sources.video_file import VideoFile
from mm.line.types import PartRecord
from mm.media import MediaReader
from tests.line.conveyor import HEIGHT, WIDTH, SpotInspector, num_frames, render
from tests.media_files import Track, steady, write

DEFECTS = (True, False)


@pytest.fixture(scope="module")
def reader() -> object:
    with MediaReader() as reader:
        yield reader


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [render(index, DEFECTS) for index in range(num_frames(2))]
    track = Track(steady(20, len(frames)), width=WIDTH, height=HEIGHT, pictures=frames, options={"qp": "10"})
    return write(tmp_path_factory.mktemp("line") / "belt.mp4", track)


def test_line_over_a_video_file_decides_each_part(reader: MediaReader, video: Path, tmp_path: Path) -> None:
    records: list[PartRecord] = []
    with Ledger(tmp_path, []) as ledger:
        config = LineConfig("press", deadline_seconds=None)
        counts = Line(config, VideoFile(video, reader), SpotInspector(), ledger, tmp_path, on_verdict=records.append).run()
    assert [record.verdict for record in records] == ["FAIL", "PASS"]
    assert counts.frames == num_frames(2)
    assert all(record.part.startswith(VideoFile(video, reader).key) for record in records)


def test_video_file_with_rounded_times_loses_no_frame(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "belt.mkv", Track(steady(30, 20), width=64, height=48))  # times in milliseconds
    items = list(VideoFile(path, reader).items(0.0, threading.Event(), lambda part: False))
    assert len(items) == 20


def test_video_file_paced_frames_arrive_in_real_time(reader: MediaReader, video: Path) -> None:
    source = VideoFile(video, reader, pace=True)
    items = list(source.items(4.0, threading.Event(), lambda part: False))
    times, received = [[getattr(item, name) for item in items] for name in ("time", "received")]
    assert source.is_live
    assert received[-1] - received[0] >= times[-1] - times[0] - 0.01


def test_video_file_image_is_refused(reader: MediaReader, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="not a video"):
        VideoFile(tmp_path / "a.png", reader)
    with pytest.raises(NotFound):
        VideoFile(tmp_path / "none.mp4", reader)
