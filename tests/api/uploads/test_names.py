"""Names and tags from outside."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.uploads.names import MAX_NAME, MAX_TAGS, clean_name, clean_tags, content_disposition
from mm.errors import InvalidInput


@given(st.text())
def test_a_clean_name_is_one_printable_path_part(name: str) -> None:
    clean = clean_name(name)
    assert 1 <= len(clean) <= MAX_NAME
    assert not set(clean) & set("/\\\0\r\n")
    assert clean not in {".", ".."}
    assert clean_name(clean) == clean


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\Größe 3.mp4", "Größe 3.mp4"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("", "untitled"),
        ("..", "untitled"),
    ],
)
def test_names(given_name: str, kept: str) -> None:
    assert clean_name(given_name) == kept


@given(st.text(min_size=1).map(clean_name))
def test_a_disposition_is_one_ascii_header_that_gives_the_name_back(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header.split("; ", 1)[0] + "; " + header.rsplit("; ", 1)[1]
    assert message.get_filename() == name


def test_tags_are_parted_stripped_and_distinct() -> None:
    assert clean_tags(["a, b", "b", " ", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize("tags", [["x" * 65], ["a\nb"], [str(i) for i in range(MAX_TAGS + 1)]])
def test_bad_tags_are_refused(tags: list[str]) -> None:
    with pytest.raises(InvalidInput):
        clean_tags(tags)
