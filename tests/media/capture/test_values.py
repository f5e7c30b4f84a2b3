"""Values of metadata are bounded; invalid ones are empty."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.media.capture.values import MAX_CHARS, check_place, clean_text, parse_exif_time, parse_iso_6709, parse_iso_time
from mm.media.capture.wire import parse_capture
from mm.media.capture.xmp import MAX_BYTES, read_xmp
from mm.media.types import Capture
from tests.captures import make_xmp

NOTHING = {
    "taken_at": None,
    "make": "",
    "model": "",
    "lens": "",
    "orientation": 1,
    "latitude": None,
    "longitude": None,
    "altitude": None,
}


@given(st.text() | st.binary() | st.none() | st.floats() | st.lists(st.integers()))
def test_parsers_of_any_value_return_bounded_values(value: object) -> None:
    text = clean_text(value)
    assert len(text) <= MAX_CHARS
    assert text.isprintable()
    for time in (parse_exif_time(value, value, value), parse_iso_time(value)):
        assert time is None or 1826 <= time.year <= 2999
    assert parse_iso_6709(value) is None or isinstance(value, str | bytes)


def test_clean_text_removes_control_characters() -> None:
    assert clean_text(b"Canon\0EOS") == "Canon"
    assert clean_text(" a\x1b[31m\nb\u202ec ") == "a [31m b c"
    assert clean_text("x" * 1000) == "x" * MAX_CHARS


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2024:13:01 00:00:00",
        "2024:05:01",
        "1970:01:01 00:00:00",
        "1500:01:01 00:00:00",
    ],
)
def test_parse_exif_time_of_invalid_time_is_none(text: str) -> None:
    assert parse_exif_time(text) is None


@pytest.mark.parametrize("offset", ["", "+25:00", "-13:00", "nonsense", None])
def test_parse_exif_time_with_invalid_offset_is_naive(offset: str | None) -> None:
    time = parse_exif_time("2024:05:01 12:30:00", offset)
    assert time is not None
    assert time.tzinfo is None


def test_parse_iso_time_reads_offsets() -> None:
    assert parse_iso_time("2024-05-01T12:30:00Z") == datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
    assert parse_iso_time("2024-05-01T12:30:00+0530") == datetime(2024, 5, 1, 7, 0, tzinfo=UTC)
    for invalid in ("1904-01-01T00:00:00Z", "12:34:56", "2024", "2024-05-01", "0001-01-01T00:00:00+14:00"):
        assert parse_iso_time(invalid) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+48.8577+002.295/", (48.8577, 2.295, None)),
        ("-33.8568+151.2153+012.5CRSWGS_84/", (-33.8568, 151.2153, 12.5)),
        ("+4851.5-00217.67/", (48.8583333, -2.2945, None)),
        ("+485130-0021740.2/", (48.8583333, -2.2945, None)),
        ("+00.0000+000.0000/", None),
        ("+91.0+000.1/", None),
        ("48.8577,2.295", None),
    ],
)
def test_parse_iso_6709(text: str, expected: tuple[float, float, float | None] | None) -> None:
    assert parse_iso_6709(text) == expected


def test_check_place_of_invalid_coordinates_is_none() -> None:
    for latitude, longitude in ((0.0, 0.0), (math.nan, 1.0), (1.0, math.inf), (-91.0, 0.0), (0.0, 181.0)):
        assert check_place(latitude, longitude) is None


@given(st.binary(max_size=400))
def test_read_xmp_of_any_bytes_never_raises(data: bytes) -> None:
    read_xmp(data)
    read_xmp(make_xmp({}).encode().replace(b"<rdf:Desc", data[:20] + b"<rdf:Desc"))


def test_read_xmp_refuses_entities_and_long_packets() -> None:
    packet = make_xmp({"tiff:Make": "Canon"})
    assert read_xmp(packet).make == "Canon"
    assert read_xmp('<!DOCTYPE x [<!ENTITY a "b">]>' + packet) == Capture()
    assert read_xmp(packet + " " * MAX_BYTES) == Capture()


@pytest.mark.parametrize(
    "change",
    [{"orientation": 9}, {"orientation": True}, {"latitude": "1"}, {"more": 1}],
)
def test_parse_capture_of_malformed_message_raises(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"metadata|orientation|coordinate"):
        parse_capture(NOTHING | change)


def test_parse_capture_bounds_the_values_of_a_message() -> None:
    hostile = NOTHING | {"make": "x" * 5000, "latitude": 500.0, "longitude": math.nan, "taken_at": "never", "altitude": 1e300}
    assert parse_capture(hostile) == Capture(make="x" * MAX_CHARS)
    assert parse_capture(NOTHING) == Capture()


def test_camera_has_the_make_once() -> None:
    assert Capture(make="Canon", model="Canon EOS 5D").camera == "Canon EOS 5D"
    assert Capture(make="Apple", model="iPhone 15").camera == "Apple iPhone 15"
    assert Capture(make="Apple").camera == "Apple"
    assert Capture(taken_at=datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=1)))).camera == ""
