"""Queries with known relevance, for each component of a query and each kind of evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mm.data.query_texts import draw_excerpt, make_file_name
from mm.data.short_queries import draw_short_queries
from mm.numerics import normalize
from mm.spaces.types import Vectors
from mm.training.calibration.calibrators import LabelledPairs
from mm.training.calibration.library import Library, Spoken

SAME_CAPTION_COSINE = 0.8
"""Cosine of the mean captions of two images from which one is relevant to the other."""
SHORT_LENGTHS, NUM_SHORT = (1, 2, 3), 1000
"""Content words of short queries, and number of queries of each length."""
_UNANSWERABLE_SHARE = 0.1  # of the weight of text queries

Embed = Callable[[Sequence[str]], Vectors]


def pair_texts_with_images(library: Library, embed: Embed, seed: int) -> LabelledPairs:
    """Captions as queries for their image and, with equal weight, short queries."""
    is_own_caption = library.image_of_caption[:, None] == np.arange(len(library.images))
    captions = library.captions_by_image()
    short = [query for length in SHORT_LENGTHS for query in draw_short_queries(captions, length, NUM_SHORT, seed)]
    num_captions = len(is_own_caption)
    return LabelledPairs(
        np.concatenate([library.caption_vectors, embed([query.text for query in short])]),
        library.images,
        np.concatenate([is_own_caption, np.stack([query.relevant for query in short])]),
        np.concatenate([np.ones_like(is_own_caption), np.stack([query.is_known for query in short])]),
        np.concatenate([np.ones(num_captions), np.full(len(short), num_captions / len(short))]),
    )


def pair_images_with_images(library: Library, num_views: int) -> LabelledPairs:
    """Means of views as queries for their image, and for images with nearly the same captions."""
    queries = np.stack([normalize(views[:num_views].mean(0)) for views in library.views])
    means = np.stack(
        [normalize(library.caption_vectors[library.image_of_caption == row].mean(0)) for row in range(len(library.images))]
    )
    return LabelledPairs(queries, library.images, means @ means.T >= SAME_CAPTION_COSINE)


def pair_texts_with_speech(spoken: Spoken, unanswerable: Sequence[str], embed: Embed, seed: int) -> LabelledPairs:
    """Sentences spoken in dev, whole and as excerpts, as queries for the line recognised from them.

    The evidence is the lines of train and dev. Other lines of the same file are not counted.
    """
    sentences = [spoken.sentences[file] for file in spoken.dev]
    texts = [*sentences, *(draw_excerpt(sentence, draw) for draw in (seed, seed + 1) for sentence in sentences)]
    queries, files = embed(texts), np.tile(np.array(spoken.dev), 3)
    is_own_file = files[:, None] == spoken.file_of_line
    best = np.where(is_own_file, queries @ spoken.lines.T, -np.inf).argmax(1)
    relevant = np.zeros(is_own_file.shape, np.bool_)
    relevant[np.arange(len(texts)), best] = True
    return _add_unanswerable(LabelledPairs(queries, spoken.lines, relevant, ~is_own_file | relevant), unanswerable, embed)


def pair_texts_with_names(library: Library, unanswerable: Sequence[str], embed: Embed) -> LabelledPairs:
    """Captions as queries for file names made of first captions, and the names themselves."""
    rows = [np.flatnonzero(library.image_of_caption == row) for row in range(len(library.images))]
    names = [make_file_name(library.captions[own[0]]) for own in rows]
    captions = [library.captions[own[number % len(own)]] for number in (1, 2) for own in rows]
    relevant = np.tile(np.eye(len(names), dtype=np.bool_), (3, 1))
    return _add_unanswerable(LabelledPairs(embed([*captions, *names]), embed(names), relevant), unanswerable, embed)


def _add_unanswerable(pairs: LabelledPairs, unanswerable: Sequence[str], embed: Embed) -> LabelledPairs:
    """Append queries without relevant evidence, which share a tenth of the weight."""
    num_queries, num_added, width = len(pairs.queries), len(unanswerable), len(pairs.evidence)
    is_counted = np.ones((num_queries, width), np.bool_) if pairs.is_counted is None else pairs.is_counted
    weight = np.full(num_added, _UNANSWERABLE_SHARE / (1 - _UNANSWERABLE_SHARE) * num_queries / num_added)
    return LabelledPairs(
        np.concatenate([pairs.queries, embed(unanswerable)]),
        pairs.evidence,
        np.concatenate([pairs.relevant, np.zeros((num_added, width), np.bool_)]),
        np.concatenate([is_counted, np.ones((num_added, width), np.bool_)]),
        np.concatenate([np.ones(num_queries), weight]),
    )
