"""Names of places as people write them: any case, with or without accents, part of the name."""

from __future__ import annotations

import unicodedata

NEAR = "near "
"""What the name of a place at some distance begins with."""
_LETTERS = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ʻ": "", "’": "", "'": ""}
_PLAIN = str.maketrans(_LETTERS)
_ABBREVIATIONS = {"usa": "united states", "uk": "united kingdom"}
_SEPARATOR = "|"


def fold_name(text: str) -> str:
    """The words of a name in lower case without accents, separated by one space each."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    words = "".join(char if char.isalnum() else " " for char in plain.translate(_PLAIN)).split()
    plain_words = " ".join(words)
    return _ABBREVIATIONS.get(plain_words, plain_words)


def fold_place(place: str) -> str:
    """The key of a place: its normalized names, as in `| paris | ile de france | france |`.

    Empty for no place.
    """
    names = [fold_name(name) for name in place.removeprefix(NEAR).split(", ")]
    return f"{_SEPARATOR} {f' {_SEPARATOR} '.join(names)} {_SEPARATOR}" if place else ""


def keys_of_words(text: str) -> list[str]:
    """What the key of a place contains, each, whose names have the words of a text, in their order.

    Words on both sides of a comma may be of two names: "Paris, France".
    """
    return [f" {fold_name(part)} " for part in text.split(",")]


def key_of_name(text: str) -> str:
    """What the key of a place contains whose city, region or country has exactly this name."""
    return f"{_SEPARATOR} {fold_name(text)} {_SEPARATOR}"


def matches_place(place: str, text: str) -> bool:
    """Whether a place, as `name_place` returns it, has the words of a text."""
    return all(key in fold_place(place) for key in keys_of_words(text))
