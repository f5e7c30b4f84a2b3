"""Names of places at the end of a query."""

from __future__ import annotations

import pytest

from mm.wording.place_phrases import PlacePhrase, find_place_phrases


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("a dog in Paris", [("a dog", "Paris")]),
        ("rain in the street in New York.", [("rain", "the street in New York"), ("rain in the street", "New York")]),
        ("photos taken near Lake Como", [("photos taken near Lake Como", "Lake Como")]),
        ("in Paris", [("in Paris", "Paris")]),
        ("a dog in paris", [("a dog", "paris")]),
        ("a shoe in orange", []),
        ("a house in Orange", [("a house", "Orange")]),
        ("inside a car", []),
        ('the words "made in China"', []),
        ("in", []),
    ],
)
def test_find_place_phrases_yields_names_after_a_preposition(text: str, phrases: list[tuple[str, str]]) -> None:
    assert [(phrase.text, phrase.name) for phrase in find_place_phrases(text)] == phrases


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("place:paris a dog in the snow", ("a dog in the snow", "paris")),
        ('a dog place:"New York"', ("a dog", "New York")),
        ("place:rome", ("rome", "rome")),
    ],
)
def test_find_place_phrases_with_an_explicit_place_yields_it_alone(text: str, phrase: tuple[str, str]) -> None:
    assert list(find_place_phrases(text)) == [PlacePhrase(*phrase, is_explicit=True)]
