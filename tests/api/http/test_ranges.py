"""Parsing of the `Range` header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.ranges import ByteRange, RangeNotSatisfiable, parse_range

SIZES = st.integers(0, 10_000)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_parse_range_with_both_ends_returns_slice(data: bytes, first: int, last: int) -> None:
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, len(data)) is None  # malformed, hence ignored
    elif first >= len(data):
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, len(data))
    else:
        byte_range = parse_range(header, len(data))
        assert byte_range is not None
        assert data[byte_range.first : byte_range.last + 1] == data[first : last + 1]
        assert byte_range.length == len(data[first : last + 1])


@given(st.binary(min_size=1, max_size=300), st.integers(0, 299))
def test_parse_range_without_end_goes_to_end_of_file(data: bytes, first: int) -> None:
    first %= len(data)
    assert parse_range(f"bytes={first}-", len(data)) == ByteRange(first, len(data) - 1)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 400))
def test_parse_range_of_suffix_is_end_of_file(data: bytes, count: int) -> None:
    byte_range = parse_range(f"bytes=-{count}", len(data))
    assert byte_range is not None
    assert data[byte_range.first : byte_range.last + 1] == data[-count:]


@given(SIZES)
def test_parse_range_of_empty_suffix_is_not_satisfiable(size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range("bytes=-0", size)
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes=1-0", "bytes=٣-٤"]
)
def test_parse_range_of_invalid_header_is_ignored(header: str | None) -> None:
    assert parse_range(header, 100) is None


@given(st.text(), SIZES)
def test_parse_range_of_any_text_is_valid(text: str, size: int) -> None:
    try:
        byte_range = parse_range(f"bytes={text}", size)
    except RangeNotSatisfiable:
        return
    assert byte_range is None or 0 <= byte_range.first <= byte_range.last < size
