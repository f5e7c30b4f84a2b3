"""MP4 files of compressed frames: libav reads back frames, times, size and date."""

from __future__ import annotations

import contextlib
import io
import re
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.bench.watch.camera import encode
from mm.errors import MediaError
from mm.line.sources.rtsp.packets import START_CODE
from mm.media import MediaReader
from mm.media.live import LiveCodec
from mm.watch.stream.mp4 import Sample, write_mp4
from mm.watch.stream.parameter_sets import has_all_kinds, parameter_sets_in, parse_format, split_units
from mm.watch.stream.spool import ChunkHead, ChunkWriter, SpooledFrame, measure_chunk, read_frames, recover, write_chunk
from tests.media_files import number_of, numbered

STARTED = datetime(2026, 7, 1, 8, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=2)))


def encode_stream(codec: str, count: int, width: int = 160, height: int = 96, **options: str) -> list[tuple[int, bool, bytes]]:
    """Frames in decoding order: time in ticks, whether key, Annex B."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 25)
    encoder.options = {"threads": "1", "g": "10", **options}
    images = [av.VideoFrame.from_ndarray(numbered(number)[:height, :width], format="rgb24") for number in range(count)]
    packets = []
    for number, image in enumerate(images):
        frame = image.reformat(format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    units = [[unit for unit in re.split(rb"\x00?\x00\x00\x01", bytes(packet)) if unit] for packet in packets]
    data = [b"".join(START_CODE + unit for unit in of_packet) for of_packet in units]
    return [(int(packet.pts) * 3600, packet.is_keyframe, of_packet) for packet, of_packet in zip(packets, data, strict=True)]


def write(codec: LiveCodec, frames: list[tuple[int, bool, bytes]]) -> bytes:
    sets = parameter_sets_in(codec, split_units(frames[0][2]))
    data = [b"".join(len(unit).to_bytes(4, "big") + unit for unit in split_units(frame)) for _, _, frame in frames]
    samples = [Sample(len(sample), ticks, is_key) for sample, (ticks, is_key, _) in zip(data, frames, strict=True)]
    file = io.BytesIO()
    write_mp4(file, parse_format(codec, sets, "camera"), samples, data, STARTED, 3600)
    return file.getvalue()


@pytest.mark.parametrize(
    ("encoder", "codec", "options"),
    [
        ("libx264", "h264", {"tune": "zerolatency", "qp": "12"}),
        ("libx264", "h264", {"qp": "12", "bf": "3", "x264-params": "b-adapt=0"}),
        ("libx264", "h264", {"qp": "12", "profile": "baseline", "tune": "zerolatency"}),
        ("libx265", "hevc", {"x265-params": "qp=12:log-level=none:pools=none:frame-threads=1:repeat-headers=1"}),
    ],
)
def test_write_mp4_frames_times_size_and_date_are_read_back(encoder: str, codec: LiveCodec, options: dict[str, str]) -> None:
    frames = encode_stream(encoder, 24, **options)
    with av.open(io.BytesIO(write(codec, frames))) as opened:
        assert opened.metadata["com.apple.quicktime.creationdate"] == "2026-07-01T08:30:15.250+02:00"
        assert opened.metadata["creation_time"].startswith("2026-07-01T06:30:15")
        video = opened.streams.video[0]
        assert (video.codec_context.width, video.codec_context.height) == (160, 96)
        keys = [packet.is_keyframe for packet in opened.demux(video) if packet.size]
        assert keys == [is_key for _, is_key, _ in frames]
        opened.seek(0)
        shown = [(number_of(frame.to_ndarray(format="rgb24")), round(float(frame.time) * 25)) for frame in opened.decode(video=0)]
    assert shown == [(number, number) for number in range(24)]


def test_parse_format_size_is_cropped_to_what_is_shown() -> None:
    for encoder, codec, options in (
        ("libx264", "h264", {"tune": "zerolatency"}),
        ("libx265", "hevc", {"x265-params": "log-level=none:pools=none:frame-threads=1:repeat-headers=1"}),
    ):
        frames = encode_stream(encoder, 1, 150, 82, **options)
        video = parse_format(codec, parameter_sets_in(codec, split_units(frames[0][2])), "camera")  # type: ignore[arg-type]
        assert (video.width, video.height) == (150, 82)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.sampled_from(["h264", "hevc"]))
def test_parse_format_any_bytes_raise_media_errors_only(units: list[bytes], codec: LiveCodec) -> None:
    kinds = (0x67, 0x68) if codec == "h264" else (0x40, 0x42, 0x44)
    sets = tuple(bytes([kind]) + unit for kind, unit in zip(kinds, [*units, b"\0", b"\0", b"\0"], strict=False))
    assert has_all_kinds(codec, sets)
    with contextlib.suppress(MediaError):
        parse_format(codec, sets, "camera")


def spool(folder: Path, count: int) -> tuple[ChunkWriter, list[SpooledFrame]]:
    units = encode([numbered(number) for number in range(count)])
    sets = parameter_sets_in("h264", units[0])
    writer, frames = ChunkWriter(folder, 7, ChunkHead("h264", sets)), []
    for number, unit in enumerate(units):
        data = b"".join(START_CODE + nal for nal in unit)
        frames.append(SpooledFrame(1000.0 + number / 30, 5000 + 3000 * number, number % 10 == 0, data))
        writer.add(frames[-1])
    return writer, frames


def test_chunk_is_written_as_a_video_that_the_sandbox_reads(tmp_path: Path) -> None:
    writer, frames = spool(tmp_path, 20)
    path = writer.close()
    assert list(read_frames(path)) == frames
    info = measure_chunk(path)
    assert (info.number, info.start, info.num_frames, round(info.end - info.start, 6)) == (7, 1000.0, 20, round(20 / 30, 6))
    write_chunk(path, tmp_path / "a.mp4", STARTED, "a.mp4")
    with MediaReader() as reader:
        probed = reader.probe(tmp_path / "a.mp4", "a.mp4")
    assert probed.capture.taken_at == STARTED
    assert (probed.duration, probed.width, probed.height) == (pytest.approx(20 / 30, abs=1e-3), 160, 96)


@pytest.mark.parametrize("cut", [1, 30, 150])
def test_chunk_of_a_killed_process_is_read_up_to_its_last_whole_frame(tmp_path: Path, cut: int) -> None:
    writer, frames = spool(tmp_path, 5)
    writer._file.close()  # as a kill does
    path = tmp_path / "00000007.recording"
    path.write_bytes(path.read_bytes()[:-cut])
    (tmp_path / "left.mp4").touch()
    recover(tmp_path)
    (chunk,) = tmp_path.iterdir()
    assert chunk.name == "00000007.chunk"
    whole = list(read_frames(chunk))
    assert whole == frames[: len(whole)]
    assert 1 <= len(whole) < 5


def test_chunk_without_a_whole_frame_is_removed(tmp_path: Path) -> None:
    ChunkWriter(tmp_path, 1, ChunkHead("h264", ()))._file.close()
    recover(tmp_path)
    assert list(tmp_path.iterdir()) == []
