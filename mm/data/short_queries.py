"""Short queries cut out of captions, with the images that are relevant to them.

An image is relevant when each content word of the query is in at least two of its captions, and not
relevant when one of the words is in none. Between the two its relevance is unknown.
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
_WITH_ARTICLE = 0.4  # share of queries that begin with an article
_MIN_CAPTIONS = 2  # captions of a relevant image with the word
_DRAWS = 50  # for each query, before fewer are returned

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ShortQuery:
    """A query, the images (N,) relevant to it, and the images of known relevance."""

    text: str
    relevant: Bool
    is_known: Bool


def draw_short_queries(captions: Sequence[Sequence[str]], num_content: int, count: int, seed: int) -> list[ShortQuery]:
    """Draw up to `count` distinct excerpts of captions with `num_content` content words each.

    `captions` are those of each image. Fewer are returned when captions have too few excerpts.
    """
    words = [[_WORD.findall(caption.lower()) for caption in own] for own in captions]
    counts = _count_captions(words)
    draw = random.Random(f"{seed} {num_content}")
    queries: dict[str, ShortQuery] = {}
    for _ in range(_DRAWS * count):
        if len(queries) == count:
            break
        image = draw.randrange(len(words))
        excerpt = _draw_excerpt(draw.choice(words[image]), num_content, draw)
        if excerpt:
            query = _make_query(excerpt, counts, "a " if draw.random() < _WITH_ARTICLE else "")
            if query.relevant.any():
                queries[query.text] = query
    return list(queries.values())


def _draw_excerpt(caption: Sequence[str], num_content: int, draw: random.Random) -> list[str]:
    """Words from one content word to another; empty when too few, or too many between."""
    places = [place for place, word in enumerate(caption) if is_content_word(word)]
    if len(places) < num_content:
        return []
    first = draw.randrange(len(places) - num_content + 1)
    excerpt = list(caption[places[first] : places[first + num_content - 1] + 1])
    return excerpt if len(excerpt) <= 2 * num_content + 1 else []


def _make_query(excerpt: Sequence[str], counts: dict[str, npt.NDArray[np.int64]], article: str) -> ShortQuery:
    fewest = np.min([counts[word] for word in excerpt if is_content_word(word)], axis=0)
    relevant = fewest >= _MIN_CAPTIONS
    return ShortQuery(article + " ".join(excerpt), relevant, relevant | (fewest == 0))


def _count_captions(words: Sequence[Sequence[Sequence[str]]]) -> dict[str, npt.NDArray[np.int64]]:
    """For each word, the number of captions of each image that have it."""
    counts: dict[str, npt.NDArray[np.int64]] = {}
    for image, captions in enumerate(words):
        for caption in captions:
            for word in set(caption):
                counts.setdefault(word, np.zeros(len(words), np.int64))[image] += 1
    return counts
