"""Files of other types and damaged files: one named error each, and the reader stays usable."""

from __future__ import annotations

import random
import struct
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mm.bench.decoding.heif_file import write_heif
from mm.bench.decoding.raw_file import write_cr3, write_raw
from mm.errors import InvalidInput, MediaError, MMError, NotFound, TooLarge, UnsupportedMedia
from mm.media import MediaReader
from mm.media.types import Limits, Span
from tests.media_files import Clicks, Track, number_of, numbered, scene, steady, write

if TYPE_CHECKING:
    from pathlib import Path

X264 = {"preset": "veryfast", "g": "12"}
VIDEO = Track(steady(25, 50), options=X264)
SOUND = Clicks([0.5, 1.5], 2.0)
OTHER_TYPES = {
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "svg-with-head": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "html": b"<!DOCTYPE html><html><body>hello</body></html>",
    "text": "Das ist nur ein Text, aber mit Umlauten: äöü.\n".encode() * 200,
    "json": b'{"a": 1}',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100),
    "script": b"#!/bin/sh\nrm -rf /\n",
    "zeros": bytes(10_000),
    "noise": random.Random(0).randbytes(10_000),
    "one-byte": b"\xff",
    "bmp": b"BM" + bytes(60),
    "heif-of-another-codec": b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avci" + bytes(100),
    "jpeg-xl": b"\xff\x0a" + bytes(100),
    "postscript": b"%!PS-Adobe-3.0\n",
    "flv": b"FLV\x01\x05\x00\x00\x00\x09" + bytes(100),
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100),
    "midi": b"MThd\x00\x00\x00\x06" + bytes(50),
    "realmedia": b".RMF" + bytes(100),
    "riff-of-another-kind": b"RIFF\x24\x00\x00\x00ACON" + bytes(28),
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
}


def reason(raised: pytest.ExceptionInfo[MediaError]) -> str:
    assert raised.value.name in str(raised.value)
    return raised.value.reason


@pytest.mark.parametrize("kind", OTHER_TYPES)
def test_probe_of_an_unaccepted_type_raises_unsupported(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(OTHER_TYPES[kind])
    with pytest.raises(UnsupportedMedia, match=r"video\.mp4: this is .*, not an image, video or audio file"):
        reader.probe(path, "video.mp4")


def test_probe_of_an_archive_with_a_video_raises_unsupported(reader: MediaReader, tmp_path: Path) -> None:
    write(tmp_path / "video.mp4", VIDEO)
    with zipfile.ZipFile(tmp_path / "video.zip", "w") as archive:
        archive.write(tmp_path / "video.mp4", "video.mp4")
    with pytest.raises(UnsupportedMedia, match="a ZIP archive"):
        reader.probe(tmp_path / "video.zip", "video.mp4")


def test_probe_of_an_empty_file_raises_empty(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.touch()
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "video.mp4")
    assert reason(raised) == "empty"


def test_probe_detects_the_type_by_content_not_by_name(reader: MediaReader, tmp_path: Path) -> None:
    for name, container, kind in (("a.jpg", "matroska", "video"), ("a.mp3", "mp4", "video"), ("a.txt", "wav", "audio")):
        audio = Clicks([0.5], 1.0, "pcm_s16le" if container == "wav" else "aac")
        path = write(tmp_path / name, VIDEO if kind == "video" else None, audio, container=container)
        info = reader.probe(path, name)
        assert (info.kind, info.container) == (kind, container)


def test_probe_of_a_missing_file_or_a_folder_raises(reader: MediaReader, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.mp4"):
        reader.probe(tmp_path / "gone.mp4", "gone.mp4")
    with pytest.raises(InvalidInput, match="folder"):
        reader.probe(tmp_path, "folder")


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska", "webm", "avi", "wav"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_probe_of_a_truncated_container_raises_truncated(
    reader: MediaReader, tmp_path: Path, container: str, share: float
) -> None:
    if container == "wav":
        path = write(tmp_path / "video", None, Clicks([0.5], 2.0, "pcm_s16le"), container=container)
    elif container == "webm":
        track = Track(steady(25, 50), "libvpx", {"deadline": "realtime", "cpu-used": "8"})
        path = write(tmp_path / "video", track, container=container)
    else:
        path = write(tmp_path / "video", VIDEO, container=container)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "video")
    assert reason(raised) == "truncated"


def test_probe_of_a_truncated_faststart_mp4_raises_truncated(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO, movflags="faststart")
    data = path.read_bytes()
    path.write_bytes(data[:-1000])
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "video.mp4")
    assert reason(raised) == "truncated"


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("mp3", "libmp3lame")])
def test_probe_of_truncated_audio_with_a_sample_count_raises_truncated(
    reader: MediaReader, tmp_path: Path, container: str, codec: str
) -> None:
    path = write(tmp_path / "audio", None, Clicks(np.arange(0.5, 8, 0.01).tolist(), 8.0, codec), container=container)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "audio")
    assert reason(raised) == "truncated"


@pytest.mark.parametrize("container", ["adts", "ogg", "mpegts"])
def test_truncated_stream_without_a_length_is_read_up_to_its_end(reader: MediaReader, tmp_path: Path, container: str) -> None:
    audio = Clicks([0.5, 1.5], 8.0, "libopus" if container == "ogg" else "aac")
    path = write(tmp_path / "audio", None, audio, container=container)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert reader.probe(path, "audio").duration < 7.9
    assert reader.waveform(path, "audio", Span(0, 2)).shape == (32_000,)


def test_probe_of_a_video_without_a_decodable_frame_raises_unreadable(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO, movflags="faststart")
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "video.mp4")
    assert reason(raised) == "unreadable"


def test_probe_of_a_container_without_streams_raises(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "nothing.mp4"
    header = struct.pack(">I4sIIIIIIHH", 108, b"mvhd", 0, 0, 0, 1000, 0, 0x10000, 0x100, 0) + bytes(8)
    matrix = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30) + bytes(24) + struct.pack(">I", 2)
    video = header + matrix
    path.write_bytes(
        struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + struct.pack(">I4s", 8 + len(video), b"moov") + video
    )
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "nothing.mp4")
    assert reason(raised) in {"no-streams", "unreadable"}


def test_frames_of_a_video_damaged_in_the_middle_continue_to_its_end(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.ts", VIDEO, container="mpegts")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 188 * 188
    for packet in range(middle, middle + 10 * 188, 188):
        data[packet + 4 : packet + 188] = random.Random(packet).randbytes(184)
    path.write_bytes(data)
    numbers = [number_of(frame.image) for frame in reader.frames(path, "video.ts", Span(0, 10), 1000.0)]
    assert numbers[0] == 0
    assert numbers[-1] == 49


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("magicyuv", "yuv420p"), ("ffv1", "yuv420p"), ("huffyuv", "rgb24"), ("png", "rgb24")]
)
def test_probe_of_an_unaccepted_codec_raises_unsupported(reader: MediaReader, tmp_path: Path, codec: str, pix_fmt: str) -> None:
    path = write(tmp_path / "video.avi", Track(steady(25, 3), codec, pix_fmt=pix_fmt))
    with pytest.raises(UnsupportedMedia, match=rf"video\.avi: its video uses the codec {codec}, which is not accepted"):
        reader.probe(path, "video.avi")


def test_probe_of_an_mp3_with_cover_art_is_audio(reader: MediaReader, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp3", None, Clicks([0.5], 1.0, "libmp3lame")).read_bytes()
    Image.fromarray(scene(1)).save(tmp_path / "cover.jpg", "JPEG")
    cover = b"\0image/jpeg\0\x03\0" + (tmp_path / "cover.jpg").read_bytes()
    frame = b"APIC" + struct.pack(">IH", len(cover), 0) + cover
    size = len(frame)
    tag = b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame
    path = tmp_path / "song.mp3"
    path.write_bytes(tag + plain[plain.index(b"\xff\xfb") :])
    info = reader.probe(path, "song.mp3")
    assert (info.kind, info.video_codec, info.audio_codec, info.width) == ("audio", "", "mp3", 0)
    assert info.duration == pytest.approx(1.0, abs=0.1)


def test_probe_over_the_duration_limit_raises_too_large(tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO, SOUND)
    with MediaReader(Limits(duration=1.5)) as strict, pytest.raises(TooLarge, match=r"video\.mp4.*MM_MEDIA_SECONDS"):
        strict.probe(path, "video.mp4")


def test_probe_over_the_pixel_limit_raises_too_large(tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO)
    with MediaReader(Limits(pixels=10_000)) as strict, pytest.raises(TooLarge, match=r"video\.mp4.*MM_MEDIA_PIXELS"):
        strict.probe(path, "video.mp4")


def test_frames_over_the_output_limit_raise_too_large(tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO)
    with MediaReader(Limits(output_bytes=100_000)) as strict:
        with pytest.raises(TooLarge, match=r"video\.mp4"):
            list(strict.frames(path, "video.mp4", Span(0, 2), 1000.0))
        assert strict.probe(path, "video.mp4").kind == "video"


def test_reader_with_invalid_arguments_raises_invalid_input(reader: MediaReader, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO, SOUND)
    for call in (
        lambda: reader.frames(path, "f", Span(1, 0), 2.0),
        lambda: reader.frames(path, "f", Span(-1, 0), 2.0),
        lambda: reader.frames(path, "f", Span(0, float("inf")), 2.0),
        lambda: reader.frames(path, "f", Span(0, 1), 0.0),
        lambda: reader.frames(path, "f", Span(0, 1), 2.0, 0),
        lambda: reader.frame_at(path, "f", float("nan")),
        lambda: reader.image(path, "f", longest=-1),
        lambda: reader.waveform(path, "f", Span(0, 1e9)),
        lambda: reader.waveform(path, "f", Span(0, 1), rate=1),
    ):
        with pytest.raises(InvalidInput):
            call()


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("specimens")
    short, click = Track(steady(25, 8), options=X264), Clicks([0.1], 0.4)
    paths = [write(folder / container, short, click, container=container) for container in ("mp4", "matroska", "mpegts", "avi")]
    for container, codec in (("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus"), ("adts", "aac")):
        paths.append(write(folder / container, None, Clicks([0.1], 0.4, codec), container=container))
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000", "AVIF"):
        Image.fromarray(numbered(5)).save(folder / kind, kind)
        paths.append(folder / kind)
    raw = write_raw("dng", (folder / "JPEG").read_bytes())
    return [*(path.read_bytes() for path in paths), write_heif(numbered(5)), raw, write_cr3((folder / "JPEG").read_bytes())]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_randomly_damaged_files_are_read_or_refused_by_a_named_error(
    reader: MediaReader, specimens: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(specimens)))
    for _ in range(data.draw(st.integers(0, 12))):
        content[data.draw(st.integers(0, min(len(content) - 1, 3000)))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        info = reader.probe(path, "damaged")
        if info.kind != "audio":
            assert reader.image(path, "damaged", longest=64).max() <= 255
            list(reader.frames(path, "damaged", Span(0, 1), 4.0, 64))
        if info.has_audio:
            reader.waveform(path, "damaged", Span(0, 0.5))
    except (MediaError, UnsupportedMedia, TooLarge) as error:
        message = str(error)
    else:
        message = "damaged"
    assert "damaged" in message


def test_probe_of_a_damaged_file_writes_nothing_to_stderr(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", VIDEO)
    path.write_bytes(path.read_bytes()[:3000])
    with MediaReader() as own, pytest.raises(MMError):
        own.probe(path, "video.mp4")
    assert capfd.readouterr().err == ""
