"""A reader used by several threads, closed while it is used, and configured by settings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mm.errors import Unavailable
from mm.media import MediaReader
from mm.media.types import Limits, Span
from mm.settings import Settings
from tests.media.children.processes import children, pids
from tests.media_files import number_of

if TYPE_CHECKING:
    from pathlib import Path

END = Span(0.0, 8.0)


def test_frames_and_waveform_of_one_file_run_concurrently(own: MediaReader, video: Path) -> None:
    lengths: list[int] = []
    frames = own.frames(video, "video.mp4", END, 1000.0)
    next(frames)  # the response is open and waits for its consumer

    def read_audio() -> None:
        lengths.append(len(own.waveform(video, "video.mp4", END)))

    thread = threading.Thread(target=read_audio)
    thread.start()
    thread.join(60)
    assert lengths == [128_000]
    assert len(list(frames)) == 199


def test_reader_shared_by_threads_uses_at_most_three_children(own: MediaReader, video: Path) -> None:
    before, peak = pids(), 0
    numbers: dict[int, int] = {}

    def read_frame(number: int) -> None:
        numbers[number] = number_of(own.frame_at(video, "video.mp4", number / 25 + 0.01))

    threads = [threading.Thread(target=read_frame, args=(number,)) for number in range(0, 200, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        peak = max(peak, len(pids() - before))
    assert numbers == {number: number for number in range(0, 200, 10)}
    assert peak <= 3


@pytest.mark.parametrize("own", [Limits(silent_seconds=0.5)], indirect=True)
def test_probe_while_all_children_are_busy_raises_unavailable(own: MediaReader, video: Path) -> None:
    streams = [own.frames(video, "video.mp4", END, 1000.0) for _ in range(3)]
    for stream in streams:
        next(stream)
    with pytest.raises(Unavailable, match="busy"):
        own.probe(video, "video.mp4")
    streams[0].close()
    assert own.probe(video, "video.mp4").kind == "video"
    for stream in streams:
        stream.close()


def test_child_outlives_the_thread_that_started_it(own: MediaReader, video: Path) -> None:
    thread = threading.Thread(target=own.probe, args=(video, "video.mp4"))
    before = {child.pid for child in children()}
    thread.start()
    thread.join(60)
    (child,) = (child for child in children() if child.pid not in before)
    own.probe(video, "video.mp4")
    assert child.is_running()


def test_closed_reader_raises_unavailable_and_has_no_children(video: Path) -> None:
    before = pids()
    reader = MediaReader()
    reader.probe(video, "video.mp4")
    assert len(pids() - before) == 1
    reader.close()
    reader.close()
    assert pids() <= before
    with pytest.raises(Unavailable, match="closed"):
        reader.probe(video, "video.mp4")


def test_close_ends_running_requests_with_unavailable(video: Path) -> None:
    reader = MediaReader()
    frames = reader.frames(video, "video.mp4", END, 1000.0)
    next(frames)
    reader.close()
    with pytest.raises(Unavailable, match="closed"):
        list(frames)


def test_from_settings_applies_the_limits(video: Path) -> None:
    with MediaReader.from_settings(Settings(media_seconds=1.0)) as strict, pytest.raises(Exception, match="MM_MEDIA_SECONDS"):
        strict.probe(video, "video.mp4")
