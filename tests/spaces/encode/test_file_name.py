"""File names that people chose, and names that cameras and programs generated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.spaces.encode.file_name import extract_name_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coffee_break-02.jpg", "coffee break"),
        ("chelseaTheCat.png", "chelsea the cat"),
        ("C:\\photos\\my.cat.jpeg", "my cat"),
        ("photo_of_dog.jpg", "photo of dog"),
        ("IMG_coffee.png", "coffee"),
        ("hubble deep field", "hubble deep field"),
    ],
)
def test_extract_name_words_of_a_chosen_name(name: str, words: str) -> None:
    assert extract_name_words(name) == words


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234.JPG",
        "DSC00123.jpg",
        "PXL_20231111_123.jpg",
        "GX010012.MP4",
        "WhatsApp_Image_2020.jpeg",
        "VID-20200101-WA0001.mp4",
        "screenshot_2024-01-01.png",
        "1000268201_693b08cb0e.jpg",
        "550e8400-e29b-41d4-a716-446655440000.png",
        "video(1).mp4",
        "x.png",
        "",
        ".jpg",
    ],
)
def test_extract_name_words_of_a_generated_name_is_none(name: str) -> None:
    assert extract_name_words(name) is None


@given(st.text(max_size=300))
def test_extract_name_words_of_any_name_is_none_or_words(name: str) -> None:
    words = extract_name_words(name)
    assert words is None or words == " ".join(words.split()) != ""
