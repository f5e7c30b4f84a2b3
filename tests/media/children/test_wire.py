"""Messages come through whole or not at all."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.media.children import wire

values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
heads = st.dictionaries(st.text(), values | st.lists(values), max_size=8)


def reading(data: bytes) -> wire.Head | tuple[wire.Head, bytearray]:
    stream = io.BytesIO(data)
    return wire.receive(lambda count: bytearray(stream.read(count)), max_body=1000)


@given(heads, st.binary(max_size=1000))
def test_round_trip(head: wire.Head, body: bytes) -> None:
    stream = io.BytesIO()
    wire.send(stream, head, body)
    assert reading(stream.getvalue()) == (head, body)


def test_a_name_that_is_no_text_comes_through() -> None:
    stream = io.BytesIO()
    wire.send(stream, {"path": "film\udcff.mp4"})
    assert reading(stream.getvalue()) == ({"path": "film\udcff.mp4"}, b"")


def test_nonsense_is_refused() -> None:
    for head in (b"[]", b"{", b"\xff\xfe", json.dumps("x").encode()):
        with pytest.raises(wire.BrokenMessage):
            reading(wire.LENGTHS.pack(len(head), 0) + head)
    for lengths in ((wire.MAX_HEAD + 1, 0), (2, 1001), (2**32 - 1, 2**64 - 1)):
        with pytest.raises(wire.BrokenMessage):
            reading(wire.LENGTHS.pack(*lengths) + b"{}")
