"""Validation of names and tags."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.headers import content_disposition
from api.uploads.names import MAX_NAME, MAX_TAGS, clean_name, clean_tags
from mm.errors import InvalidInput


@given(st.text())
def test_clean_name_is_one_printable_path_component(name: str) -> None:
    clean = clean_name(name)
    assert 1 <= len(clean) <= MAX_NAME
    assert not set(clean) & set("/\\\0\r\n")
    assert clean not in {".", ".."}
    assert clean_name(clean) == clean


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\Größe 3.mp4", "Größe 3.mp4"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("", "untitled"),
        ("..", "untitled"),
    ],
)
def test_clean_name_of_unsafe_names_returns_safe_ones(name: str, expected: str) -> None:
    assert clean_name(name) == expected


@given(st.text(min_size=1).map(clean_name))
def test_content_disposition_is_ascii_and_decodes_to_the_name(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header.split("; ", 1)[0] + "; " + header.rsplit("; ", 1)[1]
    assert message.get_filename() == name


def test_clean_tags_splits_strips_and_deduplicates() -> None:
    assert clean_tags(["a, b", "b", " ", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize("tags", [["x" * 65], ["a\nb"], [str(i) for i in range(MAX_TAGS + 1)]])
def test_clean_tags_of_invalid_tags_raises(tags: list[str]) -> None:
    with pytest.raises(InvalidInput):
        clean_tags(tags)
