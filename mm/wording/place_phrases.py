"""The place that the text of a query names: 'a dog in Paris' is 'a dog', taken in Paris.

Only the words are read here. Whether they name a place decides the library: without an item that
was taken there, 'in the snow' stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mm.wording import grammar

MAX_NAME_WORDS = 6
_EXPLICIT = re.compile(r"(?:^|\s)place:(?:\"([^\"]+)\"|(\S+))(?=\s|$)", re.IGNORECASE)
_CUE = re.compile(r"(?:^|(?<=\s))(?:(?:taken|made|filmed|recorded|shot)\s+)?(?:in|near|around)\s+(?=\S)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_COMMON_WORDS = "bath china date deal hull jersey male mobile nice normal orange police reading rugby sandwich split turkey why"
_AMBIGUOUS = frozenset(_COMMON_WORDS.split())
"""Names of places that are common words: in lower case they are taken as words."""


@dataclass(frozen=True, slots=True)
class PlacePhrase:
    """A name that may be one of a place, and the text without it."""

    text: str
    """The whole text where only words such as 'photos' would be left."""
    name: str
    is_explicit: bool = False
    """Whether it was written as `place:NAME`, and so is no other word."""


def find_place_phrases(text: str) -> Iterator[PlacePhrase]:
    """Yield the names at the end of a text that may be of places, the longest first.

    `place:NAME` or `place:"TWO WORDS"` anywhere in it is the only one, if it is there.
    """
    explicit = _EXPLICIT.search(text)
    if explicit is not None:
        rest = " ".join(f"{text[: explicit.start()]} {text[explicit.end() :]}".split())
        yield PlacePhrase(rest or (explicit[1] or explicit[2]), explicit[1] or explicit[2], is_explicit=True)
        return
    protected = [match.span() for match in grammar.QUOTED.finditer(text)]
    for cue in _CUE.finditer(text):
        name = text[cue.end() :].strip().rstrip(".,;!?")
        if name in _AMBIGUOUS or not 0 < len(_WORD.findall(name)) <= MAX_NAME_WORDS:
            continue
        if any(first < len(text) and cue.start() < last for first, last in protected):
            continue
        rest = text[: cue.start()].strip(" ,;")
        names_nothing = all(word in grammar.GENERIC for word in _WORD.findall(rest.lower()))
        yield PlacePhrase(text if names_nothing else rest, name)
