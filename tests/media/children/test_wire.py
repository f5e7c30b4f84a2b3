"""Messages between a reader and its child."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.media.children import wire

values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
heads = st.dictionaries(st.text(), values | st.lists(values), max_size=8)


def receive(data: bytes) -> wire.Head | tuple[wire.Head, bytearray]:
    stream = io.BytesIO(data)
    return wire.receive(lambda count: bytearray(stream.read(count)), max_body=1000)


@given(heads, st.binary(max_size=1000))
def test_receive_returns_the_message_that_was_sent(head: wire.Head, body: bytes) -> None:
    stream = io.BytesIO()
    wire.send(stream, head, body)
    assert receive(stream.getvalue()) == (head, body)


def test_receive_of_a_text_with_a_surrogate_returns_it_unchanged() -> None:
    stream = io.BytesIO()
    wire.send(stream, {"path": "video\udcff.mp4"})
    assert receive(stream.getvalue()) == ({"path": "video\udcff.mp4"}, b"")


def test_receive_of_a_malformed_message_raises() -> None:
    for head in (b"[]", b"{", b"\xff\xfe", json.dumps("x").encode()):
        with pytest.raises(wire.BrokenMessage):
            receive(wire.LENGTHS.pack(len(head), 0) + head)
    for lengths in ((wire.MAX_HEAD + 1, 0), (2, 1001), (2**32 - 1, 2**64 - 1)):
        with pytest.raises(wire.BrokenMessage):
            receive(wire.LENGTHS.pack(*lengths) + b"{}")
