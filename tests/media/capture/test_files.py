"""Probing returns when, where and with what a file was taken, through the sandbox."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm.bench.decoding.heif_file import box
from mm.media import MediaReader
from mm.media.capture.movie_xmp import find_packet
from mm.media.types import Capture
from tests.captures import make_exif, make_xmp, movie, photo

if TYPE_CHECKING:
    from pathlib import Path

SUMMER = timezone(timedelta(hours=2))
PLACE = (48.8583333, 2.2945, 35.0)
EXIF = make_exif(
    taken="2024:05:01 12:30:00",
    offset="+02:00",
    fraction="25",
    make="Canon",
    model="Canon EOS 5D",
    lens="EF50mm f/1.8",
    orientation=6,
    place=PLACE,
)
FULL = Capture(
    taken_at=datetime(2024, 5, 1, 12, 30, 0, 250_000, SUMMER),
    make="Canon",
    model="Canon EOS 5D",
    lens="EF50mm f/1.8",
    orientation=6,
    latitude=PLACE[0],
    longitude=PLACE[1],
    altitude=35.0,
)


def probe(reader: MediaReader, tmp_path: Path, data: bytes) -> Capture:
    path = tmp_path / "file"
    path.write_bytes(data)
    return reader.probe(path, "file").capture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_probe_reads_exif_of_each_format(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(photo(kind=kind, exif=EXIF))
    info = reader.probe(path, "file")
    assert info.capture == FULL
    assert (info.width, info.height) == (48, 64), "the size is upright"
    assert reader.image(path, "file").shape[:2] == (64, 48), "and so is the image"


def test_probe_without_offset_returns_naive_time(reader: MediaReader, tmp_path: Path) -> None:
    capture = probe(reader, tmp_path, photo(exif=make_exif(taken="2024:05:01 12:30:00")))
    assert capture == Capture(taken_at=datetime(2024, 5, 1, 12, 30))


def test_probe_without_metadata_returns_empty_capture(reader: MediaReader, tmp_path: Path) -> None:
    assert probe(reader, tmp_path, photo()) == Capture()
    assert probe(reader, tmp_path, movie({})) == Capture()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_probe_reads_xmp_where_exif_is_missing(reader: MediaReader, tmp_path: Path, kind: str) -> None:
    values = {
        "exif:DateTimeOriginal": "2024-05-01T12:30:00.25+02:00",
        "tiff:Make": "Canon",
        "exif:GPSLatitude": "48,51.5N",
        "exif:GPSLongitude": "2,17,40.2E",
        "exif:GPSAltitude": "350/10",
    }
    elements = "<tiff:Model>Canon EOS 5D</tiff:Model><exifEX:LensModel>EF50mm f/1.8</exifEX:LensModel>"
    exif = make_exif(orientation=6)
    assert probe(reader, tmp_path, photo(kind=kind, exif=exif, xmp=make_xmp(values, elements))) == FULL
    with_exif = photo(kind=kind, exif=make_exif(make="Nikon", place=(-1.5, -2.5)), xmp=make_xmp(values))
    both = probe(reader, tmp_path, with_exif)
    assert (both.make, both.latitude, both.longitude, both.altitude) == ("Nikon", -1.5, -2.5, None)
    assert both.taken_at == FULL.taken_at


@pytest.mark.parametrize(
    ("container", "tags", "expected"),
    [
        (
            "mov",
            {
                "com.apple.quicktime.creationdate": "2024-05-01T12:30:00+0200",
                "com.apple.quicktime.make": "Apple",
                "com.apple.quicktime.model": "iPhone 15",
                "com.apple.quicktime.location.ISO6709": "+48.8583333+002.2945+035.0/",
                "creation_time": "2024-05-02T00:00:00Z",
            },
            Capture(
                taken_at=datetime(2024, 5, 1, 12, 30, tzinfo=SUMMER),
                make="Apple",
                model="iPhone 15",
                latitude=PLACE[0],
                longitude=PLACE[1],
                altitude=35.0,
            ),
        ),
        ("mp4", {"creation_time": "2024-05-01T10:30:00.000000Z"}, Capture(taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC))),
        (
            "mp4",
            {"location": "-33.8568+151.2153/", "com.android.manufacturer": "Google", "com.android.model": "Pixel 8"},
            Capture(make="Google", model="Pixel 8", latitude=-33.8568, longitude=151.2153),
        ),
        ("matroska", {"creation_time": "2024-05-01T10:30:00Z"}, Capture(taken_at=datetime(2024, 5, 1, 10, 30, tzinfo=UTC))),
    ],
)
def test_probe_reads_tags_of_containers(
    reader: MediaReader, tmp_path: Path, container: str, tags: dict[str, str], expected: Capture
) -> None:
    assert probe(reader, tmp_path, movie(tags, container)) == expected


@pytest.mark.parametrize("place", ["uuid", "udta"])
def test_probe_reads_xmp_of_movies_where_tags_are_missing(reader: MediaReader, tmp_path: Path, place: str) -> None:
    values = {"xmp:CreateDate": "2024-05-01T12:30:00.25+02:00", "tiff:Make": "Canon", "exif:GPSLatitude": "48,51.5N"}
    packet = make_xmp({**values, "exif:GPSLongitude": "2,17,40.2E", "tiff:Model": "R5"}).encode()

    def add(data: bytes) -> bytes:
        if place == "uuid":
            return data + box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet)
        start = data.index(b"moov") - 4  # the last box, with a box of user data added at its end
        return data[:start] + box(b"moov", data[start + 8 :] + box(b"udta", box(b"XMP_", packet)))

    expected = Capture(taken_at=FULL.taken_at, make="Canon", model="R5", latitude=PLACE[0], longitude=PLACE[1])
    assert probe(reader, tmp_path, add(movie({}, "mp4"))) == expected
    tagged = {"creation_time": "2020-01-01T00:00:00Z", "com.apple.quicktime.make": "Apple"}
    both = probe(reader, tmp_path, add(movie(tagged, "mp4") if place == "uuid" else movie({}, "mp4")))
    assert both.make == ("Apple" if place == "uuid" else "Canon"), "tags have precedence"


@pytest.mark.parametrize("damage", [b"\0\0\0\1uuid", b"\xff\xff\xff\xffuuid", b"\0\0\0\x10uuid12345678", b"\0\0\0\3uuid"])
def test_find_packet_of_damaged_boxes_finds_nothing(damage: bytes) -> None:
    assert find_packet(io.BytesIO(box(b"ftyp", b"isom") + damage)) is None
    assert find_packet(io.BytesIO(damage)) is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_probe_of_any_exif_and_xmp_bytes_reads_the_image(reader: MediaReader, tmp_path: Path, data: st.DataObject) -> None:
    """Damaged metadata never makes an image unreadable, and its values stay in their bounds."""
    valid = EXIF.tobytes()
    flips = data.draw(st.lists(st.tuples(st.integers(6, len(valid) - 1), st.integers(0, 255)), max_size=30))
    damaged = bytearray(valid)
    for position, value in flips:
        damaged[position] = value
    exif = data.draw(st.sampled_from([bytes(damaged)]) | st.binary(max_size=200).map(lambda tail: valid[:14] + tail))
    xmp = data.draw(st.text(max_size=60) | st.text(max_size=20).map(lambda text: make_xmp({}, f"<tiff:Make>{text}</tiff:Make>")))
    capture = probe(reader, tmp_path, photo(exif=exif, xmp=xmp.replace("\ud800", "")))
    assert max(len(text) for text in (capture.make, capture.model, capture.lens)) <= 100
    assert capture.orientation in range(1, 9)
    assert capture.latitude is None or abs(capture.latitude) <= 90
