"""Clips: decoded again, and compared with the time range of the file that they were cut from."""

from __future__ import annotations

import hashlib
import io
import threading
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mm.errors import Cancelled, InvalidInput, MediaError, UnsupportedMedia
from mm.media import MediaReader
from mm.media.types import Clip, Span
from tests.media_files import Clicks, Track, click_times, number_of, set_rotation, steady, write

GOP = {"g": "10", "bf": "0", "keyint_min": "10", "sc_threshold": "0"}


def cut(
    reader: MediaReader, path: Path, start: float, end: float, *, exact: bool, folder: Path | None = None
) -> tuple[Clip, Path]:
    out = io.BytesIO()
    clip = reader.clip(path, path.name, Span(start, end), out, exact=exact)
    cut_path = path.parent / f"clip.{clip.suffix}"
    cut_path.write_bytes(out.getvalue())
    return clip, cut_path


def list_frames(path: Path) -> list[tuple[float, int]]:
    """Time and number of each frame, decoded without this project's reader."""
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), number_of(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]


def list_clicks(reader: MediaReader, path: Path, seconds: float) -> list[float]:
    return click_times(reader.waveform(path, path.name, Span(0.0, seconds), rate=48_000), 48_000)


@pytest.mark.parametrize("bf", ["0", "2"])
def test_copied_clip_starts_at_the_key_frame_and_says_so(reader: MediaReader, tmp_path: Path, bf: str) -> None:
    audio = Clicks(at=[1.6, 2.1, 3.0], seconds=5.0)
    path = write(tmp_path / "a.mp4", Track(steady(20, 100), options=GOP | {"bf": bf}), audio)
    clip, copy = cut(reader, path, 1.7, 2.6, exact=False)
    assert clip.start == pytest.approx(1.5), "the last key frame at or before 1.7 s"
    frames = list_frames(copy)
    assert [number for _, number in frames] == list(range(30, 30 + len(frames)))
    assert frames[0][0] == pytest.approx(0.0, abs=0.001)
    assert clip.end == pytest.approx(1.5 + 0.05 * len(frames))
    assert 2.6 <= clip.end <= 2.6 + 0.05 * 4
    info = reader.probe(copy, "clip")
    assert info.video_codec == "h264"
    assert info.duration == pytest.approx(clip.end - clip.start, abs=0.1)
    assert list_clicks(reader, copy, 1.0) == pytest.approx([0.1, 0.6], abs=0.03), "sound keeps its place"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "webm"])
def test_exact_clip_has_the_frames_and_the_sound_of_the_range(reader: MediaReader, tmp_path: Path, suffix: str) -> None:
    codecs = ("libvpx", "libopus") if suffix == "webm" else ("libx264", "aac")
    options = {"g": "10"} if suffix == "webm" else GOP | {"bf": "2"}
    audio = Clicks(at=[1.9, 2.3], seconds=4.0, codec=codecs[1], layout="stereo")
    path = write(
        tmp_path / f"a.{suffix}",
        Track(steady(20, 80), codec=codecs[0], options=options),
        audio,
        container={"ts": "mpegts", "mkv": "matroska"}.get(suffix),
    )
    clip, made = cut(reader, path, 1.75, 2.5, exact=True)
    assert (clip.start, clip.end) == pytest.approx((1.75, 2.5), abs=0.002)
    shown = [(frame.time, number_of(frame.image)) for frame in reader.every_frame(path, "a", Span(0.0, 4.0), 1000.0)]
    first = max(index for index, (time, _) in enumerate(shown) if time <= 1.7515)
    expected = [(max(time - 1.75, 0.0), number) for time, number in shown[first:] if time < 2.4985]
    frames = list_frames(made)
    assert [number for _, number in frames] == [number for _, number in expected]
    assert [time for time, _ in frames] == pytest.approx([time for time, _ in expected], abs=0.002)
    heard = [time - 1.75 for time in click_times(reader.waveform(path, "a", Span(0.0, 4.0), rate=48_000), 48_000)]
    assert list_clicks(reader, made, 0.75) == pytest.approx(heard, abs=0.005)
    assert reader.probe(made, "clip").duration == pytest.approx(0.75, abs=0.06)
    with av.open(str(made)) as container:
        assert container.streams.audio[0].channels == 2


def test_exact_clip_between_frames_begins_with_the_frame_that_is_shown(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Track(steady(10, 40), options=GOP))
    clip, made = cut(reader, path, 1.25, 1.55, exact=True)
    assert (clip.start, clip.end) == pytest.approx((1.25, 1.55))
    frames = list_frames(made)
    assert [number for _, number in frames] == [12, 13, 14, 15]
    assert [time for time, _ in frames] == pytest.approx([0.0, 0.05, 0.15, 0.25], abs=0.001)
    inside = cut(reader, path, 1.22, 1.28, exact=True)[1]
    assert [number for _, number in list_frames(inside)] == [12]


def test_exact_clip_of_variable_frame_rate_keeps_the_times(reader: MediaReader, tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(6, 10), Fraction(3, 2), Fraction(16, 10), Fraction(2)]
    path = write(tmp_path / "a.mp4", Track(times, options={"g": "3", "bf": "0"}))
    clip, made = cut(reader, path, 0.5, 1.6, exact=True)
    frames = list_frames(made)
    assert [number for _, number in frames] == [2, 3, 4]
    assert [time for time, _ in frames] == pytest.approx([0.0, 0.1, 1.0], abs=0.002)
    assert clip.end == pytest.approx(1.6)


@pytest.mark.parametrize("exact", [False, True])
def test_clip_of_rotated_video_is_shown_upright(reader: MediaReader, tmp_path: Path, exact: bool) -> None:
    path = write(tmp_path / "a.mp4", Track(steady(10, 20), options=GOP))
    set_rotation(path, 90)
    expected = reader.frame_at(path, "a", 1.0)
    made = cut(reader, path, 1.0, 1.5, exact=exact)[1]
    shown = reader.image(made, "clip")
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected.astype(int)).mean() < 6


@pytest.mark.parametrize("offset", [0.0, 0.4])
@pytest.mark.parametrize("exact", [False, True])
def test_clip_keeps_the_offset_of_the_sound(reader: MediaReader, tmp_path: Path, exact: bool, offset: float) -> None:
    audio = Clicks(at=[1.2, 1.6], seconds=2.0, start=offset)
    path = write(tmp_path / "a.mkv", Track(steady(20, 60), options=GOP), audio, container="matroska")
    made = cut(reader, path, 1.0, 2.0, exact=exact)[1]
    assert list_clicks(reader, made, 1.0) == pytest.approx([0.2, 0.6], abs=0.03)


@pytest.mark.parametrize(
    ("codec", "suffix", "made_suffix"),
    [("aac", "m4a", "m4a"), ("libmp3lame", "mp3", "mp3"), ("flac", "flac", "wav"), ("libopus", "ogg", "ogg")],
)
def test_sound_is_copied_in_its_codec(reader: MediaReader, tmp_path: Path, codec: str, suffix: str, made_suffix: str) -> None:
    container = "ipod" if suffix == "m4a" else None
    path = write(tmp_path / f"a.{suffix}", audio=Clicks(at=[1.0, 1.5], seconds=3.0, codec=codec), container=container)
    clip, made = cut(reader, path, 0.8, 2.0, exact=False)
    assert clip.suffix == made_suffix
    assert clip.start == pytest.approx(0.8, abs=0.1)
    assert list_clicks(reader, made, 1.2) == pytest.approx([1.0 - clip.start, 1.5 - clip.start], abs=0.06)


@pytest.mark.parametrize("codec", ["pcm_s16le", "flac"])
def test_exact_sound_has_the_samples_of_the_range(reader: MediaReader, tmp_path: Path, codec: str) -> None:
    path = write(
        tmp_path / f"a.{'wav' if codec.startswith('pcm') else 'flac'}",
        audio=Clicks(at=[0.5, 1.5], seconds=2.0, codec=codec, rate=44_100, layout="stereo"),
    )
    clip, made = cut(reader, path, 0.4, 1.6, exact=True)
    assert (clip.suffix, clip.start, clip.end) == ("wav", pytest.approx(0.4, abs=1e-4), pytest.approx(1.6, abs=1e-4))
    with wave.open(str(made)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (
            44_100,
            2,
            round(1.6 * 44_100) - round(0.4 * 44_100),
        )
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 0] / 32767
    original = reader.waveform(path, "a", Span(0.4, 1.6), rate=44_100)
    assert np.abs(samples - original).max() < 2e-3


def test_same_request_gives_the_same_bytes(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Track(steady(20, 40), options=GOP), Clicks(at=[1.0], seconds=2.0))
    for exact in (False, True):
        digests = {hashlib.sha256(cut(reader, path, 0.5, 1.5, exact=exact)[1].read_bytes()).hexdigest() for _ in range(2)}
        assert len(digests) == 1, "a request that is repeated in a larger process skips what was sent"


def test_what_cannot_be_cut_is_named(reader: MediaReader, tmp_path: Path) -> None:
    avi = write(tmp_path / "a.avi", Track(steady(20, 40), codec="mpeg4"), container="avi")
    with pytest.raises(UnsupportedMedia, match="exact"):
        cut(reader, avi, 0.5, 1.0, exact=False)
    assert [number for _, number in list_frames(cut(reader, avi, 0.5, 1.0, exact=True)[1])] == list(range(10, 20))
    with pytest.raises(MediaError, match="after its end"):
        cut(reader, avi, 5.0, 6.0, exact=True)
    with pytest.raises(InvalidInput, match="empty"):
        cut(reader, avi, 1.0, 1.0, exact=True)
    image = tmp_path / "a.png"
    from PIL import Image

    Image.new("RGB", (8, 8)).save(image)
    with pytest.raises(UnsupportedMedia, match="images"):
        cut(reader, image, 0.0, 1.0, exact=True)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        reader.clip(avi, "a", Span(0.0, 1.0), io.BytesIO(), exact=True, cancelled=cancelled)
