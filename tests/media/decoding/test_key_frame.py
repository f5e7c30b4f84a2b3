"""Thumbnails: the nearest key frame, decoded alone, with a deadline and cancellation."""

from __future__ import annotations

import threading
from bisect import bisect_right
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mm.errors import Cancelled, InvalidInput, MediaError
from mm.media import MediaReader
from mm.media.decoding import pyav_decoder
from mm.media.decoding.opened_file import FactsCache, OpenedFile
from mm.media.types import Limits, Span
from tests.media.children.processes import children
from tests.media_files import Clicks, Track, number_of, scene, set_rotation, steady, write

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media.containers.streams import AvFrame, AvPacket, AvStream

VIDEOS = {
    "mp4": Track(steady(25, 60), options={"preset": "ultrafast", "g": "12", "bf": "2"}),
    "mkv": Track(steady(25, 60), options={"preset": "ultrafast", "g": "12", "bf": "2"}),
    "ts": Track(steady(25, 60), codec="mpeg2video", options={"g": "12", "bf": "2"}),
    "mpg": Track(steady(25, 60), codec="mpeg2video", options={"g": "12", "bf": "2"}),
    "avi": Track(steady(25, 60), codec="mpeg4", options={"g": "12"}),
    "webm": Track(steady(25, 60), codec="libvpx", options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
}


@pytest.mark.parametrize("suffix", VIDEOS)
def test_thumbnail_of_a_video_is_the_nearest_key_frame(reader: MediaReader, tmp_path: Path, suffix: str) -> None:
    video = write(tmp_path / f"video.{suffix}", VIDEOS[suffix], container="vob" if suffix == "mpg" else None)
    keys = reader.keyframes(video, video.name)
    assert len(keys) >= 5
    for time in (0.0, 0.3, keys[2], keys[3] + 0.2, 2.39, 100.0):
        nearest = keys[max(bisect_right(keys, time) - 1, 0)]
        shown = reader.thumbnail(video, video.name, time, longest=160)
        assert number_of(shown) == round(nearest * 25), time


def test_thumbnail_before_the_first_frame_is_the_first_frame(reader: MediaReader, tmp_path: Path) -> None:
    video = write(tmp_path / "video.mp4", VIDEOS["mp4"], Clicks([0.5], 2.0))
    assert number_of(reader.thumbnail(video, video.name, -1.0, longest=None)) == 0


def test_thumbnail_of_an_image_a_gif_and_a_rotated_video(reader: MediaReader, tmp_path: Path) -> None:
    Image.fromarray(scene(3)).save(tmp_path / "still.png")
    assert reader.thumbnail(tmp_path / "still.png", "still.png", 5.0, longest=80).shape == (48, 80, 3)
    gif = write(tmp_path / "video.gif", Track(steady(10, 20), codec="gif", pix_fmt="rgb8"))
    assert number_of(reader.thumbnail(gif, gif.name, 1.5, longest=None)) == 0
    video = write(tmp_path / "video.mp4", Track(steady(25, 10), options={"g": "5"}))
    set_rotation(video, 90)
    rotated = reader.thumbnail(video, video.name, 0.2, longest=None)
    assert rotated.shape == (160, 96, 3)
    assert number_of(np.rot90(rotated)) == 5


def test_thumbnail_of_audio_raises_no_streams(reader: MediaReader, tmp_path: Path) -> None:
    audio = write(tmp_path / "audio.wav", audio=Clicks([0.1], 1.0, codec="pcm_s16le"))
    with pytest.raises(MediaError, match=r"audio\.wav") as raised:
        reader.thumbnail(audio, audio.name, 0.5, longest=160)
    assert raised.value.reason == "no-streams"
    with pytest.raises(InvalidInput):
        reader.thumbnail(audio, audio.name, float("nan"), longest=160)


def test_thumbnail_of_a_long_group_of_pictures_decodes_one_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write(
        tmp_path / "video.mp4", Track(steady(5, 1500), options={"preset": "ultrafast", "g": "9999", "sc_threshold": "0"})
    )
    num_decoded = 0
    original = pyav_decoder.decode_packet

    def count_and_decode(stream: AvStream, packet: AvPacket | None) -> list[AvFrame]:
        nonlocal num_decoded
        num_decoded += packet is not None
        return original(stream, packet)

    with video.open("rb") as file:
        opened = OpenedFile(file, video.name, Limits(), "auto", lambda: None, FactsCache())
        assert opened.probe().duration == pytest.approx(300.0)
        assert opened.keyframes() == [0.0]
        for module in ("pyav_decoder", "key_frame"):
            monkeypatch.setattr(f"mm.media.decoding.{module}.decode_packet", count_and_decode)
        assert number_of(opened.thumbnail(299.0, 160)) == 0
    assert num_decoded == 1


def test_thumbnail_without_a_key_frame_is_the_first_decodable_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write(tmp_path / "video.mkv", VIDEOS["mkv"])
    monkeypatch.setattr("mm.media.decoding.key_frame.decode_packet", lambda *_: [])
    with video.open("rb") as file:
        opened = OpenedFile(file, video.name, Limits(), "auto", lambda: None, FactsCache())
        assert number_of(opened.thumbnail(0.2, None)) == 0


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "video.mp4", Track(steady(25, 200), options={"preset": "ultrafast"}, width=320, height=192))


def test_thumbnail_past_its_deadline_raises_timeout_and_kills_the_child(video: Path) -> None:
    before = {child.pid for child in children()}
    with MediaReader() as reader:
        reader.probe(video, video.name)
        (child,) = (child for child in children() if child.pid not in before)
        child.suspend()
        with pytest.raises(MediaError, match=r"video\.mp4.*within 0\.2 s") as raised:
            reader.thumbnail(video, video.name, 1.0, longest=160, deadline_seconds=0.2)
        assert raised.value.reason == "timeout"
        assert not child.is_running()
        assert number_of(reader.thumbnail(video, video.name, 1.0, longest=160, deadline_seconds=120)) == 0


class SetWhileReading(threading.Event):
    """An event that is set after three checks: when the request has its child and waits for it."""

    num_checks = 0

    def is_set(self) -> bool:
        self.num_checks += 1
        return self.num_checks > 3


def test_thumbnail_that_is_cancelled_raises_and_kills_the_child(video: Path) -> None:
    before = {child.pid for child in children()}
    with MediaReader() as reader:
        reader.probe(video, video.name)
        (child,) = (child for child in children() if child.pid not in before)
        child.suspend()
        with pytest.raises(Cancelled, match=r"video\.mp4"):
            reader.thumbnail(video, video.name, 1.0, longest=160, cancelled=SetWhileReading())
        assert not child.is_running()
        assert number_of(reader.thumbnail(video, video.name, 1.0, longest=160, cancelled=threading.Event())) == 0


def test_thumbnail_waiting_for_a_child_obeys_deadline_and_cancellation(video: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with MediaReader() as reader, ExitStack() as stack:
        for _ in range(3):
            next(stack.enter_context(closing(reader.frames(video, video.name, Span(0.0, 8.0), 1000.0))))  # type: ignore[type-var]
        with pytest.raises(MediaError) as raised:
            reader.thumbnail(video, video.name, 1.0, longest=160, deadline_seconds=0.1)
        assert raised.value.reason == "timeout"
        with pytest.raises(Cancelled):
            reader.thumbnail(video, video.name, 1.0, longest=160, cancelled=cancelled)
