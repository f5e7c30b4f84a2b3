"""Stripped files: pixels as before, no metadata, and named refusals, whatever the bytes are."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from mm.bench.decoding.heif_file import box, write_heif
from mm.media import MediaReader
from mm.media.stripping.boxes import MAX_BOXES
from mm.media.stripping.pieces import Edit, NotStripped, PiecewiseFile, Stored, Zeros, apply_edits
from mm.media.stripping.strip import open_stripped
from mm.media.types import Capture, Span
from tests.captures import make_exif, make_xmp, movie, photo, picture

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Kamerawerk"
EXIF = make_exif(taken="2024:05:01 12:30:00", make=SECRET, orientation=6, place=(48.8583333, 2.2945, 35.0))
XMP = make_xmp({"tiff:Make": SECRET, "exif:GPSLatitude": "48,51.5N"})
TAGS = {
    "com.apple.quicktime.creationdate": "2024-05-01T12:30:00+0200",
    "com.apple.quicktime.make": SECRET,
    "com.apple.quicktime.location.ISO6709": "+48.8583+002.2945/",
    "creation_time": "2024-05-01T10:30:00Z",
    "location": "+48.8583+002.2945/",
    "title": SECRET,
}
ORIENTATION = 0x0112
IMAGES = {kind: photo(1, kind, EXIF, XMP) for kind in ("JPEG", "PNG", "WEBP", "AVIF")}
MOVIES = {container: movie(TAGS, container) for container in ("mov", "mp4")}


def wav(*chunks: bytes) -> bytes:
    samples = np.arange(100, dtype="<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + form + b"".join(chunks) + b"data" + len(samples).to_bytes(4, "little") + samples
    return b"RIFF" + len(body).to_bytes(4, "little") + body


FILES = {**IMAGES, **MOVIES, "HEIF": write_heif(np.asarray(picture(1, (64, 64)))), "WAV": wav()}


def strip(data: bytes) -> bytes:
    return open_stripped(io.BytesIO(data)).read()


def hash_streams(data: bytes) -> list[str]:
    """A digest of the decoded frames and samples of each stream."""
    with av.open(io.BytesIO(data)) as container:
        digests = [hashlib.sha256() for _ in container.streams]
        for frame in container.decode(video=0):
            digests[0].update(frame.to_ndarray().tobytes())
    return [digest.hexdigest() for digest in digests]


@pytest.mark.parametrize("kind", IMAGES)
def test_stripped_image_has_the_same_pixels_and_only_its_orientation(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    data = IMAGES[kind]
    stripped = strip(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(stripped))
    assert SECRET.encode() in data
    assert before.tobytes() == after.tobytes()
    exif = after.getexif()
    assert dict(exif) == {ORIENTATION: 6}
    assert not exif.get_ifd(0x8769)
    assert not exif.get_ifd(0x8825)
    assert not after.getxmp()
    assert SECRET.encode() not in stripped
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(stripped)
    assert reader.probe(tmp_path / "b", "b").capture == Capture(orientation=6)
    assert np.array_equal(reader.image(tmp_path / "a", "a"), reader.image(tmp_path / "b", "b")), "upright"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_stripped_image_without_metadata_keeps_its_profile(kind: str) -> None:
    buffer = io.BytesIO()
    picture(2).save(buffer, kind, icc_profile=b"profile" * 20)
    stripped = strip(buffer.getvalue())
    assert Image.open(io.BytesIO(stripped)).info["icc_profile"] == b"profile" * 20
    assert strip(stripped) == stripped, "stripping twice changes nothing"
    assert not Image.open(io.BytesIO(stripped)).getexif()


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 100, "subsampling": 0}])
def test_stripped_jpeg_of_several_scans_has_neither_comment_iptc_nor_what_follows_its_end(options: dict[str, object]) -> None:
    buffer = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    noise.save(buffer, "JPEG", exif=EXIF, comment=SECRET, **options)
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0a" + SECRET.encode()
    data = buffer.getvalue()
    data = data[:2] + b"\xff\xed" + (len(iptc) + 2).to_bytes(2) + iptc + data[2:] + b"\0motion photo" + MOVIES["mp4"]
    stripped = strip(data)
    assert Image.open(io.BytesIO(data)).tobytes() == Image.open(io.BytesIO(stripped)).tobytes()
    assert SECRET.encode() not in stripped
    assert b"motion" not in stripped
    assert stripped.endswith(b"\xff\xd9")
    assert set(Image.open(io.BytesIO(stripped)).info) <= {
        "exif", "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "progressive", "progression",
    }  # fmt: skip


def test_stripped_png_has_no_texts_and_no_time_and_is_animated_as_before() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET)
    text.add_text("Comment", SECRET, zip=True)
    text.add_itxt("Title", SECRET)
    text.add(b"tIME", bytes([7, 232, 5, 1, 12, 30, 0]))
    buffer = io.BytesIO()
    picture(1).save(buffer, "PNG", save_all=True, append_images=[picture(2)], pnginfo=text)
    data = buffer.getvalue() + SECRET.encode()
    stripped = strip(data)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(stripped))
    assert after.n_frames == before.n_frames == 2
    for frame in range(2):
        before.seek(frame)
        after.seek(frame)
        assert before.tobytes() == after.tobytes()
    assert not after.text
    assert SECRET.encode() not in stripped
    assert b"tIME" not in stripped


@pytest.mark.parametrize("container", MOVIES)
def test_stripped_movie_has_the_same_frames_and_size_and_no_tags(reader: MediaReader, tmp_path: Path, container: str) -> None:
    data = MOVIES[container]
    stripped = strip(data)
    assert SECRET.encode() in data
    assert hash_streams(stripped) == hash_streams(data)
    assert len(stripped) == len(data)
    assert SECRET.encode() not in stripped
    with av.open(io.BytesIO(stripped)) as opened:
        assert set(opened.metadata) == {"major_brand", "minor_version", "compatible_brands"}
        assert opened.streams.video[0].metadata.get("vendor_id", "[0][0][0][0]") == "[0][0][0][0]"
        assert set(opened.streams.video[0].metadata) <= {"language", "vendor_id"}
    (tmp_path / "a").write_bytes(stripped)
    assert reader.probe(tmp_path / "a", "a").capture == Capture()


def make_telemetry(container: str, codec: str, options: dict[str, str]) -> bytes:
    """A movie with a track of positions, as drones and cameras write."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options) as output:
        video = output.add_stream("libx264", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        texts = output.add_mux_stream(codec)
        for number in range(5):
            output.mux(video.encode(av.VideoFrame.from_image(picture(number))))
            data = f"GPS {SECRET} {'.' * number}".encode()
            packet = av.Packet(len(data).to_bytes(2) + data)
            packet.pts = packet.dts = number * 200
            packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), texts
            output.mux(packet)
        output.mux(video.encode())
    return buffer.getvalue()


@pytest.mark.parametrize(("container", "codec"), [("mp4", "mov_text"), ("mov", "mov_text"), ("mp4", "bin_data")])
def test_stripped_movie_has_no_track_of_positions_and_none_of_its_samples(container: str, codec: str) -> None:
    data = make_telemetry(container, codec, {})
    assert data.count(SECRET.encode()) == 5
    stripped = strip(data)
    assert SECRET.encode() not in stripped
    assert hash_streams(stripped) == hash_streams(data)[:1]
    with av.open(io.BytesIO(stripped)) as opened:
        assert [stream.type for stream in opened.streams] == ["video"]


def test_fragmented_movie_with_a_track_of_positions_is_refused() -> None:
    with pytest.raises(NotStripped, match="fragments and a track"):
        strip(make_telemetry("mp4", "mov_text", {"movflags": "frag_keyframe+empty_moov"}))


def test_stripped_movie_has_no_xmp_at_its_end_and_nothing_in_free_space() -> None:
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    data = MOVIES["mp4"] + box(b"uuid", uuid + XMP.encode()) + box(b"free", SECRET.encode())
    stripped = strip(data)
    assert SECRET.encode() not in stripped
    assert uuid not in stripped
    assert hash_streams(stripped) == hash_streams(data)


@pytest.mark.parametrize("exact", [True, False])
def test_clip_has_none_of_the_tags_of_its_movie(reader: MediaReader, tmp_path: Path, exact: bool) -> None:
    (tmp_path / "a").write_bytes(MOVIES["mov"])
    clip = io.BytesIO()
    reader.clip(tmp_path / "a", "a", Span(0.0, 1.0), clip, exact=exact)
    assert SECRET.encode() not in clip.getvalue()
    (tmp_path / "b").write_bytes(clip.getvalue())
    assert reader.probe(tmp_path / "b", "b").capture == Capture()


def test_stripped_heif_has_the_same_pixels(reader: MediaReader, tmp_path: Path) -> None:
    for number, grid in enumerate([(1, 1), (2, 2)]):
        data = write_heif(np.asarray(picture(1, (128, 128))), grid=grid)
        (tmp_path / f"a{number}").write_bytes(data)
        (tmp_path / f"b{number}").write_bytes(strip(data))
        before, after = (reader.image(tmp_path / f"{name}{number}", name) for name in "ab")
        assert np.array_equal(before, after)


def test_stripped_wav_has_the_same_samples_and_no_lists(reader: MediaReader, tmp_path: Path) -> None:
    text = SECRET.encode() + b"\0\0"
    info = b"LIST" + (4 + 8 + len(text)).to_bytes(4, "little") + b"INFOIART" + len(text).to_bytes(4, "little") + text
    assert strip(wav(info)) == wav()
    (tmp_path / "a").write_bytes(strip(wav(info)))
    assert len(reader.waveform(tmp_path / "a", "a", Span(0.0, 0.0125), rate=8000)) == 100


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_file_of_another_format_is_refused(kind: str) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, kind)
    with pytest.raises(NotStripped, match=f"is a {kind.lower()} file; metadata is removed from JPEG"):
        strip(buffer.getvalue())
    with pytest.raises(NotStripped, match="unknown format"):
        strip(b"text")


def test_file_with_too_many_boxes_is_refused() -> None:
    boxes = (8).to_bytes(4) + b"free"
    with pytest.raises(NotStripped, match="too many boxes"):
        strip(box(b"ftyp", b"isom\0\0\0\0") + boxes * (MAX_BOXES + 1))


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_strip_of_damaged_bytes_returns_a_file_or_refuses(kind: str, data: st.DataObject) -> None:
    """No other error, no more bytes than a few beyond the original, and any range is consistent."""
    damaged = bytearray(FILES[kind])
    for position, value in data.draw(st.lists(st.tuples(st.integers(12, len(damaged) - 1), st.integers(0, 255)), max_size=12)):
        damaged[position] = value
    end = data.draw(st.sampled_from([len(damaged)]) | st.integers(0, len(damaged)))
    tail = data.draw(st.binary(max_size=40))
    original = bytes(damaged[:end]) + tail
    try:
        stripped = open_stripped(io.BytesIO(original))
    except NotStripped:
        return
    whole = stripped.read()
    assert len(whole) == stripped.size <= len(original) + 64
    start = data.draw(st.integers(0, len(whole)))
    stripped.seek(start)
    assert stripped.read(data.draw(st.integers(0, 1000))) == whole[start:][: stripped.tell() - start]


BOXES = st.recursive(
    st.binary(max_size=30),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from(b"moov trak mdia minf stbl stsd hdlr mvhd tkhd dinf dref udta meta iinf infe iloc iprp ipco".split()),
            inner,
        ),
        max_size=4,
    ).map(lambda parts: b"".join(box(kind, body) for kind, body in parts)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(brand=st.sampled_from([b"isom", b"avif", b"qt  "]), body=BOXES)
def test_strip_of_random_boxes_keeps_the_size_or_refuses(brand: bytes, body: bytes) -> None:
    original = box(b"ftyp", brand + bytes(4)) + body
    try:
        assert len(strip(original)) == len(original)
    except NotStripped as refusal:
        assert str(refusal)  # noqa: PT017 (both outcomes are right)


@given(
    original=st.binary(max_size=60),
    edits=st.lists(st.tuples(st.integers(0, 70), st.integers(1, 20), st.booleans()), max_size=6),
)
def test_edits_replace_each_of_their_bytes_and_no_other(original: bytes, edits: list[tuple[int, int, bool]]) -> None:
    made = [Edit(offset, Zeros(length) if blank else b"\xaa" * length) for offset, length, blank in edits]
    result = PiecewiseFile(io.BytesIO(original), apply_edits(len(original), made)).read()
    edited = {position for offset, length, _ in edits for position in range(offset, offset + length)}
    assert len(result) == len(original)
    for position, byte in enumerate(result):
        assert byte in (0, 0xAA) if position in edited else byte == original[position]


def test_piecewise_file_seeks_from_each_origin() -> None:
    original = io.BytesIO(b"0123456789")
    with PiecewiseFile(original, [Stored(5, 3), b"ab", Zeros(1)]) as file:
        assert file.seek(0, os.SEEK_END) == file.size == 6
        assert file.seek(-2, os.SEEK_CUR) == 4
        assert file.read() == b"b\0"
        assert file.read(4) == b""
        file.seek(2)
        assert file.read(2) == b"7a"
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
    assert original.closed
