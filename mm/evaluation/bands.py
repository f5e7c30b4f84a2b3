"""The two bands of search results: relevant images of short queries, and queries without any.

Needs no torch. Names of arrays end in their axes: Q queries, N images, L lines, D dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import read_captioned_images
from mm.data.query_texts import is_content_word, read_lines, read_split_lines
from mm.data.short_queries import ShortQuery, draw_short_queries
from mm.errors import InvalidInput
from mm.evaluation.near_duplicates import embed_images
from mm.metrics.bootstrap import bootstrap
from mm.metrics.report import Measure, Report
from mm.numerics import sigmoid
from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.types import Query, Vectors

NUM_LINES = 1000
"""Captions of train that serve as spoken lines in a second library."""
PAGE = 10
"""Default number of hits of a search."""
LENGTHS = ((1, "one word"), (2, "two words"), (3, "three words"))

Float = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Scores from which a hit is likely, and possible."""

    likely: float
    possible: float


def evaluate(space: Space, data: Path, texts: Path, split: str = "dev", queries_per_length: int = 200) -> Report:
    """Measure the bands on short queries, unanswerable queries, and names of absent things.

    `texts` is the folder with the sets `unanswerable` and `depictable`. Raises `InvalidInput` for
    unreadable data, and for a space without the bound of possible hits.
    """
    calibration = space.calibration
    if calibration.possible is None:
        raise InvalidInput(f"The calibration of {space.id} has no bound of possible hits: there is one band.")
    bounds = Bounds(calibration.floor, calibration.possible)
    rows = read_captioned_images(data, split)
    captions = [row.captions for row in rows]
    images_ND = embed_images(space.image, [row.path for row in rows], lambda image: image)
    measures: list[Measure] = []
    for length, name in LENGTHS:
        queries = draw_short_queries(captions, length, queries_per_length, 0)
        scores_QN = _score_queries(space, [query.text for query in queries], images_ND)
        measures += _measure_short_queries(name, queries, scores_QN, bounds)
    unanswerable = read_split_lines(texts / "unanswerable" / "questions.txt", "dev")
    spoken = [caption for row in read_captioned_images(data, "train")[:NUM_LINES] for caption in row.captions[:1]]
    of_images_QN = _score_queries(space, unanswerable, images_ND)
    of_speech_QL = _score_queries(space, unanswerable, space.sentences.embed(spoken), "speech")
    measures += _measure_empty_results("unanswerable", of_images_QN, bounds)
    with_speech = np.concatenate([of_images_QN, of_speech_QL], 1)
    measures += _measure_empty_results(f"unanswerable, {len(spoken):,} spoken lines beside them", with_speech, bounds)
    absent = find_absent_things(read_lines(texts / "depictable" / "shown.txt"), captions)
    measures += _measure_empty_results("thing that is not there", _score_queries(space, absent, images_ND), bounds)
    of = f"{len(rows):,} images of {split}, likely from {bounds.likely:g}, possible from {bounds.possible:g}; "
    return Report(of + f"{len(unanswerable)} unanswerable queries, {len(absent)} things not there", tuple(measures))


def find_absent_things(names: Sequence[str], captions: Sequence[Sequence[str]]) -> list[str]:
    """Names with no content word in any caption."""
    present = {word for own in captions for caption in own for word in re.findall("[a-z]+", caption.lower())}
    contents = [{word for word in re.findall("[a-z]+", name.lower()) if is_content_word(word)} for name in names]
    return [name for name, content in zip(names, contents, strict=True) if not present & content]


def _score_queries(space: Space, texts: Sequence[str], vectors: Vectors, kind: str = "picture") -> Float:
    """Probabilities (Q, N) of evidence of one kind."""
    return np.stack([_score(build_query(space, text=text), vectors, kind) for text in texts])


def _score(query: Query, vectors: Vectors, kind: str) -> Float:
    (evidence_query,) = (entry for entry in query.evidence_queries if entry.kind == kind)
    return sigmoid(evidence_query.logits(vectors).astype(np.float64))


def _measure_short_queries(name: str, queries: Sequence[ShortQuery], scores_QN: Float, bounds: Bounds) -> list[Measure]:
    """Shares of the relevant images in a band, and of queries with a relevant image on the page."""

    def shares(bound: float) -> Float:
        return np.array([(scores[query.relevant] >= bound).mean() for query, scores in zip(queries, scores_QN, strict=True)])

    def on_page(bound: float) -> Mask:
        best = [np.argsort(-scores)[:PAGE] for scores in scores_QN]
        rows = zip(queries, scores_QN, best, strict=True)
        return np.array([(query.relevant[top] & (scores[top] >= bound)).any() for query, scores, top in rows])

    return [
        Measure(f"{name}: relevant images that are likely", bootstrap(shares(bounds.likely))),
        Measure(f"{name}: likely or possible", bootstrap(shares(bounds.possible))),
        Measure(f"{name}: a relevant image among the first {PAGE}, likely", bootstrap(on_page(bounds.likely))),
        Measure(f"{name}: likely or possible", bootstrap(on_page(bounds.possible))),
        Measure(f"{name}: without any bound", bootstrap(on_page(0.0))),
    ]


def _measure_empty_results(name: str, scores_QN: Float, bounds: Bounds) -> list[Measure]:
    """Shares of queries without results, and numbers of results."""
    likely, possible = (scores_QN >= bounds.likely).sum(1), (scores_QN >= bounds.possible).sum(1)
    return [
        Measure(f"{name}: nothing likely", bootstrap(likely == 0)),
        Measure(f"{name}: nothing at all", bootstrap(possible == 0)),
        Measure(f"{name}: fewer than {PAGE} hits", bootstrap(possible < PAGE)),
        Measure(f"{name}: hits, likely and possible", bootstrap(possible.astype(np.float64)), is_share=False),
    ]
