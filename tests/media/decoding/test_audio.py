"""Waveforms: clicks are at their times for every codec delay and every span."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.errors import MediaError
from mm.media.types import SPEECH_RATE, Span
from tests.media_files import Clicks, Track, click_times, steady, write

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media import MediaReader

AT = [0.5, 1.25, 3.0, 4.4]
SECONDS = 5.0
MILLISECOND = 0.0011
GRANULE, CHECKSUM = slice(6, 14), slice(22, 26)  # in the header of a page of Ogg (RFC 3533, 6)
FILES = [  # container, codec, rate
    ("wav", "pcm_s16le", 48_000),
    ("wav", "pcm_f32le", 44_100),
    ("wav", "pcm_s24le", 16_000),
    ("wav", "pcm_u8", 8_000),
    ("flac", "flac", 44_100),
    ("mp3", "libmp3lame", 44_100),
    ("mp3", "libmp3lame", 48_000),
    ("mp3", "libmp3lame", 22_050),
    ("ogg", "libopus", 48_000),
    ("ogg", "flac", 48_000),
    ("ogg", "vorbis", 44_100),
    ("mp4", "aac", 44_100),
    ("mp4", "aac", 48_000),
    ("ipod", "aac", 44_100),
    ("mp4", "flac", 48_000),
    ("mov", "pcm_s16le", 48_000),
    ("mov", "alac", 44_100),
    ("matroska", "aac", 48_000),
    ("matroska", "libmp3lame", 44_100),
    ("webm", "libopus", 48_000),
    ("webm", "vorbis", 48_000),
    ("avi", "libmp3lame", 48_000),
    ("avi", "libmp3lame", 44_100),
    ("avi", "ac3", 48_000),
]
WITHOUT_PRIMING = [  # containers that do not store the encoder delay, which is audible as a late start
    ("adts", "aac", 48_000),
    ("mpegts", "aac", 44_100),
    ("mpegts", "ac3", 48_000),
]


@pytest.fixture(scope="module", params=[*FILES, *WITHOUT_PRIMING], ids=lambda file: " ".join(map(str, file)))
def audio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    container, codec, rate = request.param
    clicks = Clicks(AT, SECONDS, codec, rate, "stereo", options={"strict": "experimental"})
    return write(tmp_path_factory.mktemp("audio") / "audio", None, clicks, container=container), container


def encoder_delay(container: str) -> float:
    return 0.026 if container in {container for container, _, _ in WITHOUT_PRIMING} else 0.0


def test_waveform_has_clicks_at_their_times(reader: MediaReader, audio: tuple[Path, str]) -> None:
    path, container = audio
    samples = click_times(reader.waveform(path, "audio", Span(0.0, SECONDS)), SPEECH_RATE)
    assert len(samples) == len(AT)
    shift = samples[0] - AT[0]
    assert -0.0002 <= shift <= encoder_delay(container) + 0.0002
    assert samples == pytest.approx([time + shift for time in AT], abs=0.0002)


def test_waveform_of_tiled_spans_equals_the_whole(reader: MediaReader, audio: tuple[Path, str]) -> None:
    path, container = audio
    whole = reader.waveform(path, "audio", Span(0.0, SECONDS))
    edges = [0.0, 0.7003, 1.1, 2.345, 4.0001, SECONDS]
    blocks = [reader.waveform(path, "audio", Span(start, end)) for start, end in pairwise(edges)]
    tiled = np.concatenate(blocks)
    assert tiled.shape == whole.shape
    if container in {"matroska", "webm"}:  # whose clock has ticks of a millisecond
        assert click_times(tiled, SPEECH_RATE) == pytest.approx(click_times(whole, SPEECH_RATE), abs=MILLISECOND)
    else:
        assert np.abs(tiled - whole).max() < 1e-3


def test_probe_of_audio_describes_it(reader: MediaReader, audio: tuple[Path, str]) -> None:
    path, _ = audio
    info = reader.probe(path, "audio")
    assert (info.kind, info.width, info.height, info.fps, info.video_codec) == ("audio", 0, 0, 0.0, "")
    assert info.has_audio
    assert not info.has_video
    assert info.content_type.startswith("audio/")
    assert info.duration == pytest.approx(SECONDS, abs=0.06)


def test_waveform_beyond_the_end_is_silence(reader: MediaReader, audio: tuple[Path, str]) -> None:
    path, _ = audio
    samples = reader.waveform(path, "audio", Span(SECONDS - 0.1, SECONDS + 2.0))
    assert samples.shape == (round(2.1 * SPEECH_RATE),)
    assert not samples[-SPEECH_RATE:].any()


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_waveform_at_each_rate_has_clicks_at_their_times(reader: MediaReader, tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "audio.wav", None, Clicks(AT, SECONDS, "pcm_s16le"))
    samples = reader.waveform(path, "audio", Span(0.0, SECONDS), rate=rate)
    assert samples.shape == (round(SECONDS * rate),)
    assert samples.dtype == np.float32
    assert click_times(samples, rate) == pytest.approx(AT, abs=0.0003)


def test_waveform_at_the_native_rate_is_exact(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "audio.wav", None, Clicks([0.1], 0.5, "pcm_f32le", SPEECH_RATE))
    with av.open(str(path)) as container:
        expected = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.array_equal(reader.waveform(path, "audio", Span(0.0, 0.5)), expected)


def test_waveform_of_stereo_is_the_mean_of_its_channels(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "audio.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_f32le", rate=SPEECH_RATE, layout="stereo")
        samples = np.zeros((1, 2 * SPEECH_RATE), np.float32)
        samples[0, ::2] = 0.5  # only the left channel has a signal
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="stereo")
        frame.sample_rate = SPEECH_RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert reader.waveform(path, "audio", Span(0.2, 0.8)) == pytest.approx(0.25, abs=1e-3)


def test_waveform_with_a_gap_has_silence_and_keeps_times(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=SPEECH_RATE, layout="mono")
        for start in (0.0, 3.0):
            samples = np.full((1, SPEECH_RATE), 8000, np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = SPEECH_RATE
            frame.pts = round(start * SPEECH_RATE)
            output.mux(stream.encode(frame))
    samples = reader.waveform(path, "gap.mkv", Span(0.0, 4.0))
    assert samples[:SPEECH_RATE].min() > 0.2
    assert not samples[SPEECH_RATE + 20 : 3 * SPEECH_RATE - 20].any()
    assert samples[3 * SPEECH_RATE + 20 :].min() > 0.2
    assert reader.waveform(path, "gap.mkv", Span(2.5, 3.5))[: SPEECH_RATE // 2 - 20].max() == 0


def test_probe_of_an_ogg_with_a_negative_last_packet_has_the_right_duration(reader: MediaReader, tmp_path: Path) -> None:
    clicks = Clicks(AT, SECONDS, "vorbis", 44_100, "stereo", options={"strict": "experimental"})
    path = write(tmp_path / "audio", None, clicks, container="ogg")
    data = bytearray(path.read_bytes())
    page = memoryview(data)[data.rindex(b"OggS") :]
    before = memoryview(data)[data.rindex(b"OggS", 0, len(data) - len(page)) :]
    page[GRANULE] = (int.from_bytes(before[GRANULE], "little") - 151).to_bytes(8, "little")
    page[CHECKSUM] = bytes(4)
    page[CHECKSUM] = ogg_checksum(page).to_bytes(4, "little")
    path.write_bytes(data)
    assert reader.probe(path, "audio").duration == pytest.approx(SECONDS, abs=0.06)


def ogg_checksum(page: memoryview) -> int:
    """CRC-32 with the polynomial 0x04c11db7, neither reflected nor inverted (RFC 3533, 6)."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


def test_waveform_of_a_video_without_audio_raises_no_streams(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", Track(steady(25, 10)))
    with pytest.raises(MediaError, match=r"video\.mp4: it has no audio") as raised:
        reader.waveform(path, "video.mp4", Span(0, 1))
    assert raised.value.reason == "no-streams"


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory, reader: MediaReader) -> tuple[Path, np.ndarray]:
    at = np.random.default_rng(0).uniform(0, 3, 400)
    path = write(tmp_path_factory.mktemp("noise") / "noise.flac", None, Clicks(at.tolist(), 3.0, "flac", 44_100))
    return path, reader.waveform(path, "noise", Span(0.0, 3.0))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.floats(0, 3), length=st.floats(0, 3))
def test_waveform_of_any_span_is_a_slice_of_the_whole(
    reader: MediaReader, noise: tuple[Path, np.ndarray], start: float, length: float
) -> None:
    path, whole = noise
    end = min(start + length, 3.0)
    samples = reader.waveform(path, "noise", Span(start, end))
    assert np.abs(samples - whole[round(start * SPEECH_RATE) : round(end * SPEECH_RATE)]).max(initial=0.0) < 1e-4
