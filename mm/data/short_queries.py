"""Short questions with known answers, out of captions: people type 'brown dog', where captions say
it in twelve words.

A picture answers a short question when each of its telling words is in at least two of the
picture's captions. Where fewer say so, nobody knows: those pairs do not count.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.data.query_texts import is_content_word

_WORD = re.compile(r"[a-z']+")
_ASKED_WITH_ARTICLE = 0.4
_AGREED = 2  # captions that name a thing

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ShortQuery:
    """A question, the pictures (N,) that answer it, and those for which that is known."""

    text: str
    right: Bool
    known: Bool


def draw_short_queries(captions: Sequence[Sequence[str]], telling: int, count: int, seed: int) -> list[ShortQuery]:
    """Stretches of captions with that many telling words. `captions` are those of each picture."""
    words = [[_WORD.findall(caption.lower()) for caption in own] for own in captions]
    named = _captions_that_name(words)
    draw = random.Random(f"{seed} {telling}")
    found: dict[str, ShortQuery] = {}
    for _ in range(50 * count):  # few pictures have no such stretch; a set of pictures without any gives what there is
        if len(found) == count:
            break
        picture = draw.randrange(len(words))
        stretch = _stretch(draw.choice(words[picture]), telling, draw)
        if stretch:
            question = _question(stretch, named, "a " if draw.random() < _ASKED_WITH_ARTICLE else "")
            if question.right.any():
                found[question.text] = question
    return list(found.values())


def _stretch(caption: Sequence[str], telling: int, draw: random.Random) -> list[str]:
    """Words from one telling word to another; empty when the caption has too few or they lie far
    apart."""
    places = [place for place, word in enumerate(caption) if is_content_word(word)]
    if len(places) < telling:
        return []
    first = draw.randrange(len(places) - telling + 1)
    stretch = list(caption[places[first] : places[first + telling - 1] + 1])
    return stretch if len(stretch) <= 2 * telling + 1 else []


def _question(stretch: Sequence[str], named: dict[str, npt.NDArray[np.int64]], article: str) -> ShortQuery:
    least = np.min([named[word] for word in stretch if is_content_word(word)], axis=0)
    right = least >= _AGREED
    return ShortQuery(article + " ".join(stretch), right, right | (least == 0))


def _captions_that_name(words: Sequence[Sequence[Sequence[str]]]) -> dict[str, npt.NDArray[np.int64]]:
    """For each word, how many captions of each picture have it."""
    named: dict[str, npt.NDArray[np.int64]] = {}
    for picture, captions in enumerate(words):
        for caption in captions:
            for word in set(caption):
                named.setdefault(word, np.zeros(len(words), np.int64))[picture] += 1
    return named
