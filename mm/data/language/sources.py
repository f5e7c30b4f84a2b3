"""Images as material for moments: their captions with terms, indexed by term."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.language.captions import find_source
from mm.data.language.clauses import Clause, clean_caption, find_noun_phrases, parse_clause
from mm.data.language.concepts import THINGS, Support, find_named, find_terms, judge
from mm.errors import InvalidInput

MIN_SOURCES = 20
MAX_DRAWS = 2000
SINGLE = 0.2
"""Probability that a query with one term is kept: no distractor can share words with it."""
NOUN_PHRASES = 0.4
"""Share of queries by a noun phrase where the caption has a clause too."""
MAX_TRIED = 80
"""Sources that share a term are judged until enough are found, at most so many."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image by its captions."""

    id: str
    captions: tuple[str, ...]
    """Sentences without a period."""
    terms: tuple[frozenset[str], ...]
    """Terms of each caption."""
    known: frozenset[str]
    """Named terms of all captions."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a question looks for."""

    phrase: str
    """A noun phrase: 'a brown dog'."""
    clause: Clause | None
    terms: frozenset[str]


class SourcePool:
    """The sources of one split."""

    def __init__(self, images: Sequence[CaptionedImage]) -> None:
        """Index the images. Raises `InvalidInput` for fewer than `MIN_SOURCES`."""
        if len(images) < MIN_SOURCES:
            raise InvalidInput(f"{len(images)} captioned images are too few to make questions from; {MIN_SOURCES} are needed.")
        self.sources = [_make_source(image) for image in images]
        self._by_id = {source.id: source for source in self.sources}
        self._by_term: dict[str, list[int]] = defaultdict(list)
        for number, source in enumerate(self.sources):
            for term in source.known.union(*source.terms):
                self._by_term[term].append(number)

    def get(self, source_id: str) -> Source:
        """The source of an id."""
        return self._by_id[source_id]

    def draw_query(self, draw: random.Random, *, is_short: bool = False) -> tuple[Source, int, Query]:
        """Draw a source, the number of a caption of it, and a query that the caption supports.

        A short query is a noun phrase, which several sources may support.
        Raises `InvalidInput` when the captions have no usable form.
        """
        for _ in range(MAX_DRAWS):
            source = draw.choice(self.sources)
            number = draw.randrange(len(source.captions))
            query = make_query(source.captions[number], draw, is_short=is_short)
            if query is None or (len(query.terms) == 1 and draw.random() > SINGLE):
                continue
            if judge(query.terms, source.terms[number], source.known) is Support.HOLDS:
                return source, number, query
        raise InvalidInput(f"None of {MAX_DRAWS} captions drawn names a thing in a form that a question can be made of.")

    def find_excluded(self, query: Query, used: set[str], count: int, draw: random.Random) -> list[Source]:
        """Find up to `count` sources that share a term with the query and do not support it."""
        found: list[Source] = []
        for source in self._draw_sharing(query, used, draw):
            if len(found) < count and judge(query.terms, frozenset(), source.known) is Support.EXCLUDED:
                found.append(source)
        return found

    def find_supporting(self, query: Query, used: set[str], count: int, draw: random.Random) -> list[tuple[Source, int]]:
        """Find up to `count` sources with a caption that supports the query."""
        found: list[tuple[Source, int]] = []
        for source in self._draw_sharing(query, used, draw):
            numbers = [number for number, terms in enumerate(source.terms) if query.terms <= terms]
            if numbers and len(found) < count:
                found.append((source, draw.choice(numbers)))
        return found

    def draw_unrelated(self, queries: Sequence[Query], used: set[str], count: int, draw: random.Random) -> list[Source]:
        """Draw sources that support none of the queries, whether they share terms or not."""
        found: list[Source] = []
        for source in draw.sample(self.sources, min(MAX_TRIED, len(self.sources))):
            is_excluded = all(judge(query.terms, frozenset(), source.known) is Support.EXCLUDED for query in queries)
            if len(found) < count and source.id not in used and is_excluded:
                found.append(source)
        return found

    def _draw_sharing(self, query: Query, used: set[str], draw: random.Random) -> list[Source]:
        numbers = sorted({number for term in sorted(query.terms) for number in self._by_term[term]})
        drawn = draw.sample(numbers, min(MAX_TRIED, len(numbers)))
        return [self.sources[number] for number in drawn if self.sources[number].id not in used]


def read_source_pool(folder: Path, split: str) -> SourcePool:
    """Read the sources of a split of a captioned data set. Raises `InvalidInput`."""
    return SourcePool(read_captioned_images(folder, split))


def make_query(caption: str, draw: random.Random, *, is_short: bool = False) -> Query | None:
    """Make a query from a caption: its clause, or one of its noun phrases; None when it has none.

    A query names a thing, since only a thing can be missing elsewhere.
    """
    clause = parse_clause(caption)
    if clause is None or is_short or draw.random() < NOUN_PHRASES:
        phrases = find_noun_phrases(caption)
        if not phrases:
            return None
        clause, phrase = None, draw.choice(phrases)
    else:
        phrase = clause.phrase
    terms = find_named(phrase)
    return Query(phrase, clause, terms) if terms & THINGS.keys() else None


def _make_source(image: CaptionedImage) -> Source:
    captions = tuple(text for caption in image.captions if (text := clean_caption(caption)))
    terms = tuple(find_terms(caption) for caption in captions)
    known = frozenset(term for caption in captions for term in find_named(caption))
    return Source(find_source(image.path), captions, terms, known)
