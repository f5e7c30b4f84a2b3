"""Incremental text against the text of all bytes at once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mm.generation import Vocabulary
from mm.generation.text_stream import TextStream

BYTES = Vocabulary((*(bytes([i]) for i in range(256)), b"<end>"), (256,))


def text_before_stop(text: str, stop: list[str]) -> str:
    """Character by character: the text before the first stop string that is complete."""
    for end in range(len(text) + 1):
        if matches := [string for string in stop if text[:end].endswith(string)]:
            return text[: end - max(map(len, matches))]
    return text


def split(data: bytes, places: list[int]) -> Vocabulary:
    """A vocabulary of the parts of `data`."""
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return Vocabulary((*(data[a:b] for a, b in pairwise(cuts)), b""), (len(cuts) - 1,))


def stream(vocabulary: Vocabulary, num_tokens: int, stop: list[str]) -> list[str]:
    text = TextStream(vocabulary, stop)
    return [*(text.push(token) for token in range(num_tokens)), text.finish()]


@settings(max_examples=300, deadline=None)
@given(
    st.text("abé€😀", max_size=20),
    st.lists(st.text("abé€😀", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(0, 80), max_size=20),
)
def test_stream_joined_is_the_text_before_the_first_stop_string(text: str, stop: list[str], places: list[int]) -> None:
    vocabulary = split(text.encode(), places)
    parts = stream(vocabulary, len(vocabulary) - 1, stop)
    assert "".join(parts) == text_before_stop(text, stop)
    assert "\ufffd" not in "".join(parts)


@given(st.binary(max_size=30), st.lists(st.integers(0, 80), max_size=20))
def test_stream_of_any_bytes_equals_decoding_with_replacement(data: bytes, places: list[int]) -> None:
    vocabulary = split(data, places)
    assert "".join(stream(vocabulary, len(vocabulary) - 1, [])) == data.decode(errors="replace")


def test_stream_holds_only_what_later_tokens_may_change() -> None:
    text = TextStream(BYTES, ["END"])
    assert [text.push(byte) for byte in "aE€".encode()] == ["a", "", "", "", "E€"]
    assert [text.push(byte) for byte in b"EEND!"] == ["", "E", "", "", ""]
    assert text.is_stopped
    assert text.finish() == ""


def test_special_tokens_add_no_text() -> None:
    text = TextStream(BYTES)
    assert text.push(256) + text.push(65) + text.push(256) + text.finish() == "A"
