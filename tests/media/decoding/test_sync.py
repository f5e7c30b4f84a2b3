"""Synchronization of audio and video: a click coincides with its frame in each format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mm.media.types import Span
from tests.media_files import Clicks, Track, click_times, number_of, steady, write

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media import MediaReader

AUDIO_CODECS = {
    "mp4": ("aac", "libmp3lame", "ac3", "flac", "alac", "libopus"),
    "mov": ("aac", "pcm_s16le", "alac"),
    "matroska": ("aac", "libmp3lame", "ac3", "flac", "libopus"),
    "webm": ("libopus",),
    "mpegts": ("aac", "libmp3lame", "ac3", "mp2"),
    "vob": ("mp2", "ac3"),
    "avi": ("libmp3lame", "ac3", "pcm_s16le"),
}
X264 = {"preset": "veryfast", "g": "12", "bf": "3"}
MPEG2 = {"g": "12", "bf": "2"}
VP8 = {"g": "12", "deadline": "realtime", "cpu-used": "8"}


@pytest.mark.parametrize(
    ("container", "codec"), [(container, codec) for container in AUDIO_CODECS for codec in AUDIO_CODECS[container]]
)
def test_audio_click_coincides_with_its_video_frame(reader: MediaReader, tmp_path: Path, container: str, codec: str) -> None:
    codecs = {"webm": ("libvpx", VP8), "vob": ("mpeg2video", MPEG2)}
    track = Track(steady(25, 75), *codecs.get(container, ("libx264", X264)))
    path = write(tmp_path / "video", track, Clicks([1.0, 2.0], 3.0, codec), container=container)
    click, _ = click_times(reader.waveform(path, "video", Span(0.0, 3.0)), 16_000)
    frames = reader.frames(path, "video", Span(0.9, 1.2), 1000.0)
    shown = next(frame.time for frame in list(frames) if number_of(frame.image) == 25)
    assert click - shown == pytest.approx(0.0, abs=0.001)
